/**
 * The ledger on Redis or Valkey, which the nodes of several machines may share: one server, or a
 * cluster, where what is open is cut by sender into shards that need nothing of one another
 * (decision 122). A recall and a save are one round trip each; what two nodes can do at once is one
 * script on the server (scripts.ts). While the server is away the same code goes on in memory,
 * which begins empty: senders are then new (failover.ts).
 */
import type { FactListener } from '../../facts/fact.ts'
import type {
  Ledger,
  Opener,
  OpenLimit,
  OpenLimits,
  OpenSplits,
  StrategyOverride,
} from '../ledger.ts'
import { Crowding } from '../crowding.ts'
import { reachedLimit } from '../open-limits.ts'
import { hasEnded, SharedOverrides } from './overrides.ts'
import type { OverrideChange } from './commands.ts'
import { basesOf } from './keys.ts'
import { OneAlarm } from './one-alarm.ts'
import { senderKey, shardOf } from './sender-key.ts'
import { openShard, type Shard } from './shard.ts'
import { oldestOf, stalestOf, sumOfCounts, sumOfOpened } from './together.ts'
import { type RedisPlace, serverLocator } from '../../redis/locator.ts'
import { SenderMemory } from '../sender-memory.ts'
import type { Split } from '../../split/split.ts'
import { usualLeaseMs } from './watch.ts'

export interface RedisLedgerOptions {
  readonly place: RedisPlace
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

/**
 * Between two looks at the overrides, which also show whether the server still answers; two of them
 * in a second.
 */
const lookMs = 450
/** A look begins in this time, and is answered in the other half or not at all. */
const sharedWithinMs = 1000

/** Never rejects for a server that is away. */
export async function openRedisLedger(options: RedisLedgerOptions): Promise<Ledger> {
  const { place, prefix, maxSplits = 100_000, maxBytes = 256 * 1024 * 1024 } = options
  const clock = options.clock ?? Date.now
  const overrides = new SharedOverrides()
  const crowding = new Crowding()
  const alarm = new OneAlarm(options.onFact)
  const bases = basesOf(place.kind, prefix)
  const common = {
    timeoutMs: 1000,
    retryMs: 1000,
    leaseMs: usualLeaseMs,
    ...options,
    clock,
    locator: serverLocator(place),
    shards: bases.length,
    maxSplits: Math.ceil(maxSplits / bases.length),
    maxBytes: Math.ceil(maxBytes / bases.length),
    onWritten: (bytes: number) => crowding.wrote(bytes),
  }
  const openOne = async (base: string, number: number): Promise<Shard> =>
    await openShard({
      ...common,
      base,
      onFact: alarm.listener(number),
      // What is of no sender is in the first one.
      onReturn: async (store) => await (number === 0 ? overrides.writeBack(store) : undefined),
      isWritten: () => number > 0 || overrides.isWritten,
    })
  const shards = await Promise.all(bases.map(openOne))
  const ledger = new RedisLedger({ shards, overrides, crowding, clock })
  await ledger.senders.refresh()
  return ledger
}

interface Parts {
  /** At least one. */
  readonly shards: readonly Shard[]
  readonly overrides: SharedOverrides
  readonly crowding: Crowding
  readonly clock: () => number
}

class RedisLedger implements Ledger {
  readonly senders: SenderMemory
  readonly sharedWithinMs = sharedWithinMs
  readonly #parts: Parts
  readonly #shards: readonly Shard[]
  /** Has what is of no sender: overrides, and what was learned. */
  readonly #first: Shard
  readonly #look: NodeJS.Timeout
  #looking: Promise<void> | undefined
  #closing: Promise<void> | undefined

  constructor(parts: Parts) {
    const [first] = parts.shards
    if (first === undefined) throw new RangeError('a ledger has a shard')
    this.#parts = parts
    this.#shards = parts.shards
    this.#first = first
    const { storage } = first
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
    return this.#shards.every(({ durable }) => durable)
  }

  openOf(reversePath: string): ReturnType<Ledger['openOf']> {
    return this.#shardOf(reversePath).openOf(reversePath)
  }

  recall(reversePath: string, recipient: string): ReturnType<Ledger['recall']> {
    return this.#shardOf(reversePath).recall(reversePath, recipient)
  }

  save(split: Split): ReturnType<Ledger['save']> {
    return this.#shardOf(split.reversePath).save(split)
  }

  crowded(opener: Opener, limits: OpenLimits): Crowded {
    if (this.durable && this.#parts.crowding.isFar(limits)) return undefined
    return this.#askCrowded(opener, limits)
  }

  async find(id: string): Promise<Split | undefined> {
    const found = await this.#all(async (shard) => await shard.find(id))
    return found.find((split) => split !== undefined)
  }

  async openSplits(limit: number): Promise<readonly Split[]> {
    return oldestOf(await this.#all(async (shard) => await shard.openSplits(limit)), limit)
  }

  async countOpen(): Promise<readonly OpenSplits[]> {
    return sumOfCounts(await this.#all(async (shard) => await shard.countOpen()))
  }

  async stale(before: number, limit: number, since?: number): Promise<readonly Split[]> {
    const pages = await this.#all(async (shard) => await shard.stale(before, limit, since))
    return stalestOf(pages, limit)
  }

  async forget(before: number, limit: number): Promise<number> {
    let forgotten = 0
    for (const shard of this.#shards) {
      if (forgotten < limit) forgotten += await shard.forget(before, limit - forgotten)
    }
    return forgotten
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
      await this.#all(async (shard) => await shard.close())
    })
    await this.#closing
  }

  async #change(change: OverrideChange): Promise<StrategyOverride | undefined> {
    const { overrides } = this.#parts
    return await this.#first.storage.run<StrategyOverride | undefined>(
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
    await this.#first.storage.run(
      async (store) => await this.#parts.overrides.refresh(store),
      () => undefined,
    )
  }

  #shardOf(reversePath: string): Shard {
    const { length } = this.#shards
    if (length === 1) return this.#first
    return this.#shards[shardOf(senderKey(reversePath), length)] ?? this.#first
  }

  async #all<T>(ask: (shard: Shard) => Promise<T>): Promise<readonly T[]> {
    return await Promise.all(this.#shards.map(ask))
  }

  /** Of a client that forges senders something may be open in each of them. */
  async #askCrowded(opener: Opener, limits: OpenLimits): Promise<OpenLimit | undefined> {
    const told = await this.#all(async (shard) => await shard.opened(opener, limits))
    const reached = told.find((one) => typeof one === 'string')
    if (reached !== undefined) return reached
    const opened = told.flatMap((one) => (typeof one === 'object' ? [one] : []))
    const sum = sumOfOpened(opened)
    return opened.length < told.length
      ? reachedLimit(sum, limits)
      : this.#parts.crowding.conclude(sum, limits)
  }
}
