/**
 * The ledger on a Redis or Valkey server, which the nodes of several machines may share. A recall
 * and a save are one round trip each; what two nodes can do at once is one script on the server
 * (scripts.ts). While the server is away the same code goes on in memory, which begins empty:
 * senders are then new (failover.ts).
 */
import type { Fact, FactListener } from '../../facts/fact.ts'
import type {
  Ledger,
  Opener,
  OpenLimit,
  OpenLimits,
  OpenSplits,
  StrategyOverride,
} from '../ledger.ts'
import { Crowding } from '../crowding.ts'
import { hasEnded, SharedOverrides } from './overrides.ts'
import { openRedisStorage, type RedisStorage } from './failover.ts'
import type { Dropped, OverrideChange } from './commands.ts'
import { SenderMemory } from '../sender-memory.ts'
import { splitClosed } from '../../split/split-closed.ts'
import type { Split } from '../../split/split.ts'
import { usualLeaseMs } from './watch.ts'

export interface RedisLedgerOptions {
  /** `redis://user:password@host:port/db`, or `rediss://` with TLS. */
  readonly url: string
  /** Keys begin with it; nodes with the same one share a ledger. Without braces. */
  readonly prefix: string
  /** ms after which the server may forget a split by itself: a day is added to each. */
  readonly patienceMs: number
  readonly keepMs: number
  readonly onFact: FactListener
  /** ms since the epoch; Date.now unless set. */
  readonly clock?: () => number
  /** Of one operation, ms; 1000 unless set. */
  readonly timeoutMs?: number
  /** How long it counts that nothing of a sender is open, ms (watch.ts); 500 unless set. */
  readonly leaseMs?: number
  /** Before the first attempt to use a server that was away, ms; 1000 unless set. */
  readonly retryMs?: number
  /** Splits kept, open and closed together; 100,000 unless set. See SqliteLedgerOptions. */
  readonly maxSplits?: number
  /** The same for the bytes they take, about; 256 MiB unless set. */
  readonly maxBytes?: number
}

type Crowded = ReturnType<Ledger['crowded']>
type OpenOf = ReturnType<Ledger['openOf']>
type Recalled = readonly Split[] | Promise<readonly Split[]>
type Saved = { readonly saved: boolean } | Promise<{ readonly saved: boolean }>

/**
 * Between two looks at the overrides, which also show whether the server still answers; two of them
 * in a second.
 */
const lookMs = 450
/** A look begins in this time, and is answered in the other half or not at all. */
const sharedWithinMs = 1000

const nothing: readonly Split[] = []

/** Never rejects for a server that is away. */
export async function openRedisLedger(options: RedisLedgerOptions): Promise<Ledger> {
  const clock = options.clock ?? Date.now
  const overrides = new SharedOverrides()
  const tellDropped = (dropped: readonly Dropped[]): void => {
    for (const split of dropped) {
      const fact = abandoned(split, clock())
      if (fact !== undefined) options.onFact(fact)
    }
  }
  const storage = await openRedisStorage({
    timeoutMs: 1000,
    retryMs: 1000,
    leaseMs: usualLeaseMs,
    maxSplits: 100_000,
    maxBytes: 256 * 1024 * 1024,
    ...options,
    clock,
    onDropped: tellDropped,
    onReturn: async (store) => await overrides.writeBack(store),
    isWritten: () => overrides.isWritten,
  })
  const ledger = new RedisLedger({ storage, overrides, clock, tellDropped })
  await ledger.senders.refresh()
  return ledger
}

interface Parts {
  readonly storage: RedisStorage
  readonly overrides: SharedOverrides
  readonly clock: () => number
  readonly tellDropped: (dropped: readonly Dropped[]) => void
}

class RedisLedger implements Ledger {
  readonly senders: SenderMemory
  readonly sharedWithinMs = sharedWithinMs
  readonly #parts: Parts
  readonly #storage: RedisStorage
  readonly #crowding = new Crowding()
  readonly #look: NodeJS.Timeout
  #looking: Promise<void> | undefined
  #closing: Promise<void> | undefined

  constructor(parts: Parts) {
    this.#parts = parts
    const { storage } = parts
    this.#storage = storage
    this.senders = new SenderMemory({
      write: async (changes) =>
        await storage.run(
          async (store) => await store.changeSenders(changes),
          () => undefined,
        ),
      since: async (place) =>
        await storage.run(
          async (store) => await store.sendersSince(place),
          () => undefined,
        ),
    })
    this.#look = setInterval(() => {
      this.#looking ??= this.#refresh().finally(() => {
        this.#looking = undefined
      })
    }, lookMs).unref()
  }

  get durable(): boolean {
    return this.#storage.durable
  }

  openOf(reversePath: string): OpenOf {
    if (this.#storage.isQuiet(reversePath)) return nothing
    return this.#storage.run<readonly Split[] | 'many'>(
      async (store) => await store.openOf(reversePath),
      (memory): OpenOf => memory.use((ledger): OpenOf => ledger.openOf(reversePath)),
    )
  }

  recall(reversePath: string, recipient: string): Recalled {
    return this.#storage.run(
      async (store) => await store.recall(reversePath, recipient),
      (memory): Recalled => memory.use((ledger): Recalled => ledger.recall(reversePath, recipient)),
    )
  }

  crowded(opener: Opener, limits: OpenLimits): Crowded {
    if (this.#storage.durable && this.#crowding.isFar(limits)) return undefined
    return this.#storage.run<OpenLimit | undefined>(
      async (store) => this.#crowding.conclude(await store.opened(opener), limits),
      (memory): Crowded => memory.use((ledger): Crowded => ledger.crowded(opener, limits)),
    )
  }

  save(split: Split): Saved {
    return this.#storage.run(
      async (store) => {
        const { saved, dropped, bytes } = await store.save(split, split.version - 1)
        this.#crowding.wrote(bytes)
        this.#parts.tellDropped(dropped)
        return { saved }
      },
      (memory): Saved => memory.save(split),
    )
  }

  async find(id: string): Promise<Split | undefined> {
    return await this.#storage.run(
      async (store) => await store.find(id),
      async (memory) => await memory.use(async (ledger) => await ledger.find(id)),
    )
  }

  async openSplits(limit: number): Promise<readonly Split[]> {
    return await this.#storage.run(
      async (store) => await store.open(limit),
      async (memory) => await memory.use(async (ledger) => await ledger.openSplits(limit)),
    )
  }

  async countOpen(): Promise<readonly OpenSplits[]> {
    return await this.#storage.run<readonly OpenSplits[]>(
      async (store) => await store.countOpen(),
      async (memory) => await memory.use(async (ledger) => await ledger.countOpen()),
    )
  }

  async stale(before: number, limit: number, since?: number): Promise<readonly Split[]> {
    return await this.#storage.run(
      async (store) => {
        const { splits, lost } = await store.stale(before, limit, since)
        this.#parts.tellDropped(lost)
        return splits
      },
      async (memory) =>
        await memory.use(async (ledger) => await ledger.stale(before, limit, since)),
    )
  }

  async forget(before: number, limit: number): Promise<number> {
    return await this.#storage.run(
      async (store) => await store.forget(before, limit),
      async (memory) => await memory.use(async (ledger) => await ledger.forget(before, limit)),
    )
  }

  overrides(): readonly StrategyOverride[] {
    return this.#parts.overrides.inForce(this.#parts.clock())
  }

  async setOverride(override: StrategyOverride): Promise<void> {
    await this.#change({ peer: override.peer, override, at: override.setAt, late: false })
  }

  async resetOverride(peer: string): Promise<boolean> {
    const now = this.#parts.clock()
    const known = this.overrides().some((override) => override.peer === peer)
    const was = await this.#change({ peer, at: now, late: false })
    return known || (was !== undefined && !hasEnded(was, now))
  }

  async close(): Promise<void> {
    clearInterval(this.#look)
    this.#closing ??= Promise.resolve(this.#looking).then(async () => {
      await this.senders.close()
      await this.#storage.close()
    })
    await this.#closing
  }

  async #change(change: OverrideChange): Promise<StrategyOverride | undefined> {
    const { overrides } = this.#parts
    return await this.#storage.run<StrategyOverride | undefined>(
      async (store) => {
        const was = await store.changeOverride(change)
        await overrides.refresh(store)
        return was
      },
      () => {
        overrides.hold(change)
        return undefined
      },
    )
  }

  async refresh(): Promise<void> {
    await this.senders.refreshNow()
    await this.#refresh()
  }

  async #refresh(): Promise<void> {
    await this.senders.refresh()
    await this.#storage.run(
      async (store) => await this.#parts.overrides.refresh(store),
      () => undefined,
    )
  }
}

/**
 * What the sweep says of a split that nobody came back to; its recipients are not known when the
 * server has lost it.
 */
function abandoned({ split, ...known }: Dropped, at: number): Fact | undefined {
  return splitClosed({ recipients: [], ...split, ...known, status: 'abandoned' }, at)
}
