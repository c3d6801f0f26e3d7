/**
 * The ledger in a SQLite file, which several processes of one machine may share. Not for network
 * file systems: the write-ahead log needs shared memory (https://www.sqlite.org/wal.html).
 *
 * A call is one short transaction on the event loop, without a sync to the disk; whatever waits for
 * the disk is done by the checkpoint thread. While the file can't be used the same code goes on in
 * memory (failover.ts).
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
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
import { mostSenders, SenderMemory, type SenderShelf } from '../sender-memory.ts'
import { openStorage, type Storage } from './failover.ts'
import { Room } from './room.ts'
import { toRow, type SplitRow } from '../stored-split.ts'
import { membersPerCall, type Cursor, type Page, type SplitStore } from './statements.ts'
import { StoreReplacedError, writeSplit } from './write-split.ts'
import type { Split } from '../../split/split.ts'

export interface SqliteLedgerOptions {
  /**
   * The file, made if it is missing, as is its directory; `:memory:` for none. `PATH-wal` and
   * `PATH-shm` stand beside it.
   */
  readonly path: string
  readonly onFact: FactListener
  /** ms since the epoch; Date.now unless set. */
  readonly clock?: () => number
  /**
   * Splits kept, open and closed together; 100,000 unless set. When there are more, the closed ones
   * go first and then the oldest open ones, each with a `splitClosed` fact: abandoned.
   */
  readonly maxSplits?: number
  /**
   * The same for the bytes they take, about; 256 MiB unless set. What is open must fit into memory
   * if the disk fails.
   */
  readonly maxBytes?: number
  /** The file is treated as a full disk at this size; no limit unless set. */
  readonly maxFileBytes?: number
  /**
   * A file that is larger is looked through for damage behind the start, 32 MiB unless set: that
   * takes a second for some hundred thousand splits.
   */
  readonly checkedAtStartBytes?: number
  /** Such a check begins after this time, ms; 5000 unless set, when the start is over. */
  readonly checkAfterMs?: number
  /**
   * Another process that shares the file looks through it, and not this one: it is a worker of
   * that process.
   */
  readonly checkedElsewhere?: boolean
  /**
   * Only for memory that stands in for another store: a split that is not known is taken whatever
   * its version.
   */
  readonly adopts?: boolean
  /**
   * Between two attempts to use a file that was in trouble, ms; 5000 unless set, and not under 1000
   * where processes share it.
   */
  readonly retryMs?: number
}

/**
 * Newer splits of one sender and recipient that a recall gives at most.
 * `limits.open_splits_per_sender` keeps what anybody who forges a sender can make it cost below
 * that.
 */
const recallLimit = 1000

/**
 * @throws RefusedLedgerError for a file of a newer release, or of another program. No other trouble
 * stops the start.
 */
export async function openSqliteLedger(options: SqliteLedgerOptions): Promise<Ledger> {
  const ledger: { current?: SqliteLedger } = {}
  const storage = await openStorage({
    path: options.path,
    onFact: options.onFact,
    clock: options.clock ?? Date.now,
    maxFileBytes: options.maxFileBytes,
    retryMs: options.retryMs ?? 5000,
    checkedAtStartBytes: options.checkedAtStartBytes ?? 32 * 1024 * 1024,
    checkAfterMs: options.checkAfterMs ?? 5000,
    checkedElsewhere: options.checkedElsewhere ?? false,
    onChanged: () => ledger.current?.onChanged(),
  })
  ledger.current = new SqliteLedger(storage, options)
  await ledger.current.begin()
  return ledger.current
}

class SqliteLedger implements Ledger {
  readonly senders: SenderMemory
  readonly sharedWithinMs = 0
  readonly #storage: Storage
  readonly #clock: () => number
  readonly #room: Room
  readonly #adopts: boolean
  readonly #crowding = new Crowding()
  readonly #underWay = new Set<Promise<unknown>>()
  #overrides: readonly StrategyOverride[] = []
  #closing: Promise<void> | undefined

  constructor(storage: Storage, options: SqliteLedgerOptions) {
    this.#storage = storage
    this.#clock = options.clock ?? Date.now
    this.#room = new Room({
      storage,
      maxSplits: options.maxSplits ?? 100_000,
      maxBytes: options.maxBytes ?? 256 * 1024 * 1024,
      onFact: options.onFact,
      clock: this.#clock,
    })
    this.#adopts = options.adopts ?? false
    this.senders = new SenderMemory(sendersIn(storage, options.path))
  }

  async begin(): Promise<void> {
    this.refreshOverrides()
    await this.senders.refresh()
  }

  /** Another process may have written into the file, or another store is in force. */
  onChanged(): void {
    this.refreshOverrides()
    void this.#track(this.senders.refresh())
  }

  get durable(): boolean {
    return this.#storage.durable
  }

  openOf(reversePath: string): ReturnType<Ledger['openOf']> {
    const any = this.#storage.run((store) => store.anyOpen(reversePath))
    return any instanceof Promise ? any.then(manyOrNothing) : manyOrNothing(any)
  }

  recall(reversePath: string, recipient: string): readonly Split[] | Promise<readonly Split[]> {
    const read = (after: Cursor | undefined) => (store: SplitStore) =>
      store.recall(reversePath, recipient, after)
    const oldestFirst = (splits: readonly Split[]): readonly Split[] =>
      splits
        .filter((split) => split.reversePath === reversePath)
        .filter((split) => split.recipients.some((candidate) => candidate.address === recipient))
        .sort((a, b) => a.startedAt - b.startedAt)
    const first = this.#storage.run(read(undefined))
    if (!(first instanceof Promise) && first.next === undefined) return oldestFirst(first.splits)
    return this.#track(this.#readOn(first, read, recallLimit).then(oldestFirst))
  }

  crowded(
    opener: Opener,
    limits: OpenLimits,
  ): OpenLimit | undefined | Promise<OpenLimit | undefined> {
    if (this.#crowding.isFar(limits)) return undefined
    const opened = this.#storage.run((store) => store.opened(opener))
    return opened instanceof Promise
      ? opened.then((later) => this.#crowding.conclude(later, limits))
      : this.#crowding.conclude(opened, limits)
  }

  save(split: Split): { readonly saved: boolean } | Promise<{ readonly saved: boolean }> {
    const [row, prior] = [toRow(split), this.#isNew(split) ? 0 : split.version - 1]
    this.#crowding.wrote(row.bytes)
    const room = this.#storage.congestion ?? (prior === 0 ? this.#room.make() : undefined)
    // Of a split with many recipients the row alone, just made, is enough for one turn.
    const wait = room ?? (row.recipients.length > membersPerCall ? nextTurn() : undefined)
    if (wait !== undefined)
      return this.#track(wait.then(async () => await this.#saveLater(row, prior)))
    const saved = writeSplit(this.#storage.calls(), row, prior, this.#clock())
    if (saved instanceof Promise) return this.#track(this.#saveLater(row, prior, saved))
    if (saved) this.#storage.noteSaved(row)
    return { saved }
  }

  #isNew({ id, version }: Split): boolean {
    return (
      version === 1 || (this.#adopts && this.#storage.run((store) => store.seqOf(id)) === undefined)
    )
  }

  async find(id: string): Promise<Split | undefined> {
    return (await this.#storage.run((store) => store.find(id)))?.split
  }

  async openSplits(limit: number): Promise<readonly Split[]> {
    return await this.#read((after) => (store) => store.open(after), limit)
  }

  async countOpen(): Promise<readonly OpenSplits[]> {
    return await this.#storage.run((store) => store.countOpen())
  }

  async stale(before: number, limit: number, since?: number): Promise<readonly Split[]> {
    const begin = since === undefined ? undefined : { key: since, seq: -1 }
    return await this.#read((after) => (store) => store.stale(before, after ?? begin), limit)
  }

  async forget(before: number, limit: number): Promise<number> {
    return await this.#track(this.#room.forget(before, limit))
  }

  overrides(): readonly StrategyOverride[] {
    const now = this.#clock()
    if (this.#overrides.some((override) => hasEnded(override, now))) {
      this.#overrides = this.#overrides.filter((override) => !hasEnded(override, now))
      void this.#storage.run((store) => {
        store.overrides.dropExpired(now)
      })
    }
    return this.#overrides
  }

  async setOverride(override: StrategyOverride): Promise<void> {
    await this.#storage.run((store) => {
      store.overrides.set(override)
    })
    this.refreshOverrides()
  }

  async resetOverride(peer: string): Promise<boolean> {
    const known = this.overrides().some((override) => override.peer === peer)
    const reset = await this.#storage.run((store) => store.overrides.reset(peer))
    this.refreshOverrides()
    return reset || known
  }

  /** Others may have written; or another store is in force. */
  refreshOverrides(): void {
    const read = this.#readOverrides()
    if (read instanceof Promise) void this.#track(read)
  }

  #readOverrides(): void | Promise<void> {
    return this.#storage.run((store) => {
      this.#overrides = store.overrides.read(this.#clock())
    })
  }

  async refresh(): Promise<void> {
    await this.#readOverrides()
    await this.#track(this.senders.refreshNow())
  }

  async close(): Promise<void> {
    this.#closing ??= Promise.allSettled(this.#underWay).then(async () => {
      await this.senders.close()
      await this.#storage.close()
    })
    await this.#closing
  }

  async #saveLater(
    row: SplitRow,
    prior: number,
    begun?: Promise<boolean>,
  ): Promise<{ readonly saved: boolean }> {
    let saving: boolean | Promise<boolean> | undefined = begun
    for (;;) {
      try {
        saving ??= writeSplit(this.#storage.calls(), row, prior, this.#clock())
        const saved = await saving
        if (saved) this.#storage.noteSaved(row)
        return { saved }
      } catch (error) {
        if (!(error instanceof StoreReplacedError)) throw error
        await this.#storage.settled()
        saving = undefined
      }
    }
  }

  async #read(
    read: (after: Cursor | undefined) => (store: SplitStore) => Page,
    limit: number,
  ): Promise<readonly Split[]> {
    return await this.#readOn(this.#storage.run(read(undefined)), read, limit)
  }

  /** The page and those after it, one a turn of the event loop. */
  async #readOn(
    first: Page | Promise<Page>,
    read: (after: Cursor | undefined) => (store: SplitStore) => Page,
    limit: number,
  ): Promise<readonly Split[]> {
    let page = await first
    const splits = [...page.splits]
    while (page.next !== undefined && splits.length < limit) {
      await nextTurn()
      page = await this.#storage.run(read(page.next))
      splits.push(...page.splits)
    }
    return splits.slice(0, limit)
  }

  async #track<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work)
    try {
      return await work
    } finally {
      this.#underWay.delete(work)
    }
  }
}

/** A recall for each recipient costs no more here than reading all splits of the sender. */
const manyOrNothing = (any: boolean): readonly Split[] | 'many' => (any ? 'many' : nothing)

const nothing: readonly Split[] = []

const hasEnded = ({ until }: StrategyOverride, now: number): boolean =>
  until !== undefined && until <= now

/**
 * The memory that stands in for a file must not take what is meant for it: that is held back until
 * it can be used.
 */
function sendersIn(storage: Storage, path: string): SenderShelf {
  const isAway = (store: SplitStore): boolean => path !== ':memory:' && store.written !== undefined
  return {
    write: async (changes) =>
      await storage.run((store) =>
        isAway(store) ? undefined : store.senders.write(changes, mostSenders),
      ),
    since: async (place) =>
      await storage.run((store) => (isAway(store) ? undefined : store.senders.since(place))),
  }
}
