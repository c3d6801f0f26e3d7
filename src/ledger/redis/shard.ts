/**
 * What is open of some senders: a part of the ledger that needs no other one. It is on the server,
 * or in memory while the server is away (failover.ts).
 */
import { splitClosed } from '../../split/split-closed.ts'
import type { Split } from '../../split/split.ts'
import type { Fact, FactListener } from '../../facts/fact.ts'
import type { Ledger, Opener, OpenLimit, OpenLimits, OpenSplits } from '../ledger.ts'
import type { Opened } from '../open-limits.ts'
import type { Dropped } from './commands.ts'
import { openRedisStorage, type RedisStorage, type RedisStorageOptions } from './failover.ts'

export interface ShardOptions extends Omit<RedisStorageOptions, 'onDropped'> {
  /** Hears the bytes of each split that was written to the server. */
  readonly onWritten: (bytes: number) => void
}

type OpenOf = ReturnType<Ledger['openOf']>
type Recalled = ReturnType<Ledger['recall']>
type Crowded = ReturnType<Ledger['crowded']>
type Saved = ReturnType<Ledger['save']>

/** What is open, as the server counts it, or which limit is reached in memory. */
export type OpenedOrLimit = Opened | OpenLimit | undefined

/** Open splits, and whether there are more of them behind these. */
export interface StalePage {
  readonly splits: readonly Split[]
  readonly isCut: boolean
}

const nothing: readonly Split[] = []

export async function openShard(options: ShardOptions): Promise<Shard> {
  const tellDropped = (dropped: readonly Dropped[]): void => {
    for (const split of dropped) tellAbandoned(split, options)
  }
  const storage = await openRedisStorage({ ...options, onDropped: tellDropped })
  return new Shard(storage, tellDropped, options.onWritten)
}

export class Shard {
  readonly storage: RedisStorage
  readonly #tellDropped: (dropped: readonly Dropped[]) => void
  readonly #onWritten: (bytes: number) => void

  constructor(
    storage: RedisStorage,
    tellDropped: (dropped: readonly Dropped[]) => void,
    onWritten: (bytes: number) => void,
  ) {
    this.storage = storage
    this.#tellDropped = tellDropped
    this.#onWritten = onWritten
  }

  get durable(): boolean {
    return this.storage.durable
  }

  openOf(reversePath: string): OpenOf {
    if (this.storage.isQuiet(reversePath)) return nothing
    return this.storage.run<readonly Split[] | 'many'>(
      async (store) => await store.openOf(reversePath),
      (memory): OpenOf => memory.use((ledger): OpenOf => ledger.openOf(reversePath)),
    )
  }

  recall(reversePath: string, recipient: string): Recalled {
    return this.storage.run(
      async (store) => await store.recall(reversePath, recipient),
      (memory): Recalled => memory.use((ledger): Recalled => ledger.recall(reversePath, recipient)),
    )
  }

  async opened(opener: Opener, limits: OpenLimits): Promise<OpenedOrLimit> {
    return await this.storage.run<OpenedOrLimit>(
      async (store) => await store.opened(opener),
      (memory): Crowded => memory.use((ledger): Crowded => ledger.crowded(opener, limits)),
    )
  }

  save(split: Split): Saved {
    return this.storage.run(
      async (store) => {
        const { saved, dropped, bytes } = await store.save(split, split.version - 1)
        this.#onWritten(bytes)
        this.#tellDropped(dropped)
        return { saved }
      },
      (memory): Saved => memory.save(split),
    )
  }

  async find(id: string): Promise<Split | undefined> {
    return await this.storage.run(
      async (store) => await store.find(id),
      async (memory) => await memory.use(async (ledger) => await ledger.find(id)),
    )
  }

  async openSplits(limit: number): Promise<readonly Split[]> {
    return await this.storage.run(
      async (store) => await store.open(limit),
      async (memory) => await memory.use(async (ledger) => await ledger.openSplits(limit)),
    )
  }

  async countOpen(): Promise<readonly OpenSplits[]> {
    return await this.storage.run<readonly OpenSplits[]>(
      async (store) => await store.countOpen(),
      async (memory) => await memory.use(async (ledger) => await ledger.countOpen()),
    )
  }

  async stale(before: number, limit: number, since?: number): Promise<StalePage> {
    return await this.storage.run<StalePage>(
      async (store) => {
        const { splits, isCut, lost } = await store.stale(before, limit, since)
        this.#tellDropped(lost)
        return { splits, isCut }
      },
      async (memory) =>
        await memory.use(async (ledger) => {
          const splits = await ledger.stale(before, limit, since)
          return { splits, isCut: splits.length > 0 }
        }),
    )
  }

  async forget(before: number, limit: number): Promise<number> {
    return await this.storage.run(
      async (store) => await store.forget(before, limit),
      async (memory) => await memory.use(async (ledger) => await ledger.forget(before, limit)),
    )
  }

  async close(): Promise<void> {
    await this.storage.close()
  }
}

/**
 * What the sweep says of a split that nobody came back to; its recipients are not known when the
 * server has lost it.
 */
function tellAbandoned(
  { split, ...known }: Dropped,
  { onFact, clock }: { readonly onFact: FactListener; readonly clock: () => number },
): void {
  const abandoned = { recipients: [], ...split, ...known, status: 'abandoned' } as const
  const fact: Fact | undefined = splitClosed(abandoned, clock())
  if (fact !== undefined) onFact(fact)
}
