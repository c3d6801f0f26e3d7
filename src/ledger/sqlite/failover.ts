/**
 * Which store is in force: the file, or memory while the file can't be used. A call made while one
 * takes the other's place waits for it. Knows nothing of what a call does.
 *
 *     file ── full, read-only, gone, damaged ──▶ open splits are read into memory ──▶ memory
 *       ▲                                                                               │ tried every few seconds
 *       └──────────────── what memory holds is written into the file ◀──────────────────┘
 */
import { DatabaseSync } from 'node:sqlite'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import type { FactListener } from '../../facts/fact.ts'
import { notAFile, openConnection, openReadOnly } from './connection.ts'
import { copyOpen, writeBack } from './copy.ts'
import { describeError, sqliteTrouble } from './error.ts'
import { FileWatch } from './file-watch.ts'
import { startKeeper, type Keeper } from './checkpointer.ts'
import { checkLater, type LateCheck } from './late-check.ts'
import { migrate, migrations, pragma, RefusedLedgerError } from './schema.ts'
import type { SplitRow } from '../stored-split.ts'
import { SplitStore } from './statements.ts'
import { Unproven } from './unproven.ts'
import { WalIndex } from './wal-index.ts'
import { StoreReplacedError, type StoreCall } from './write-split.ts'

export interface StorageOptions {
  /** `:memory:` for no file at all. */
  readonly path: string
  readonly onFact: FactListener
  /** ms since the epoch. */
  readonly clock: () => number
  readonly maxFileBytes?: number | undefined
  /** A larger file is looked through behind the start. */
  readonly checkedAtStartBytes: number
  /** From the opening of such a file to the beginning of its check, ms. */
  readonly checkAfterMs: number
  /** By another process that shares the file. */
  readonly checkedElsewhere: boolean
  /** Between two attempts to use the file again, ms. */
  readonly retryMs: number
  /** Another connection has written, or another store is in force. */
  readonly onChanged: () => void
}

/** Between two looks whether the file is still there and whether others have written into it. */
const lookMs = 250

/** A file that another process keeps locked for longer is treated as one that can't be written. */
const busyPatienceMs = 2000

/**
 * Waits between attempts at a busy file: writers hold it for well under a millisecond, checkpoints
 * for some.
 */
const busyDelayMs = (attempt: number): number => Math.min(1 + attempt, 20)

/**
 * @throws RefusedLedgerError for a file of a newer release or of another program. All else is
 * trouble, not an error.
 */
export async function openStorage(options: StorageOptions): Promise<Storage> {
  const storage = new Storage(options)
  await storage.start()
  return storage
}

export class Storage {
  readonly #options: StorageOptions
  #store: SplitStore = openMemory({ remember: false })
  #keeper: Keeper | undefined
  #check: LateCheck | undefined
  /** While the file is looked through. */
  #unproven: Unproven | undefined
  /** The end of the thread of a file that is no longer in force. */
  #ending: Promise<void> | undefined
  #moving: Promise<void> | undefined
  #recovering: Promise<void> | undefined
  #durable = false
  #closed = false
  /** The file was found to be damaged, and is to be set aside. */
  #damaged = false
  /** Of the file whose splits are in memory. */
  #identity: string | undefined
  readonly #file: FileWatch
  #dataVersion = 0
  #look: NodeJS.Timeout | undefined
  #retry: NodeJS.Timeout | undefined
  #learning = false

  constructor(options: StorageOptions) {
    this.#options = options
    this.#file = new FileWatch(options.path)
  }

  get durable(): boolean {
    return this.#durable
  }

  async start(): Promise<void> {
    const { path, onFact, clock } = this.#options
    if (path === ':memory:') return
    const opened = await this.#openFile()
    if ('store' in opened) {
      this.#use(opened.store, opened.keeper)
      const { aside } = opened.keeper
      if (aside !== undefined) {
        onFact({ kind: 'ledgerTrouble', at: clock(), why: describeAside(path, aside) })
        onFact({ kind: 'ledgerRecovered', at: clock() })
      }
    } else {
      if (opened.refused) throw new RefusedLedgerError(opened.why)
      this.#fall(this.#openLeftovers(), opened.why)
      await this.#moving
    }
    this.#look = setInterval(() => {
      this.#lookAtFile()
    }, lookMs).unref()
  }

  /**
   * Makes one call on the store in force; a promise when it has to wait. Throws only what is not
   * from SQLite.
   */
  run<T>(call: (store: SplitStore) => T): T | Promise<T> {
    if (this.#moving !== undefined) return this.#runLater(call, this.#moving)
    try {
      return call(this.#store)
    } catch (error) {
      return this.#runAgain(call, error)
    }
  }

  /** Calls that have to reach one store, the one that is now in force. */
  calls(): StoreCall {
    const bound = this.#moving === undefined ? this.#store : undefined
    return <T>(call: (store: SplitStore) => T): T | Promise<T> =>
      this.run((store) => {
        if (store !== bound) throw new StoreReplacedError()
        return call(store)
      })
  }

  /** A write of this has succeeded. */
  noteSaved(row: SplitRow): void {
    this.#unproven?.saved(row)
  }

  /** Set while writes are to wait, because the disk can't follow. */
  get congestion(): Promise<void> | undefined {
    return this.#file.congestion
  }

  /** When no store is taking another's place. */
  async settled(): Promise<void> {
    while (this.#moving !== undefined) await this.#moving
  }

  /** Writes back what it can, and closes the file. No call may be made from then on. */
  async close(): Promise<void> {
    clearInterval(this.#look)
    clearTimeout(this.#retry)
    await this.settled()
    if (!this.#durable && this.#options.path !== ':memory:') await this.#recover()
    this.#closed = true
    this.#check?.end()
    clearTimeout(this.#retry)
    this.#store.close()
    await this.#keeper?.end()
    await this.#ending
  }

  async #runLater<T>(call: (store: SplitStore) => T, moving: Promise<void>): Promise<T> {
    await moving
    return await this.run(call)
  }

  async #runAgain<T>(call: (store: SplitStore) => T, firstError: unknown): Promise<T> {
    const until = performance.now() + busyPatienceMs
    for (let attempt = 0, error = firstError; ; attempt += 1) {
      const trouble = sqliteTrouble(error)
      // Memory has no other store to take its place: only a fault of the program can bring us here.
      if (trouble === 'other' || (!this.#durable && this.#moving === undefined)) throw error
      if (trouble === 'busy' && performance.now() < until) {
        await sleep(busyDelayMs(attempt))
      } else {
        this.#damaged ||= trouble === 'corrupt'
        this.#fall(this.#store, describeError(error))
      }
      await this.settled()
      try {
        return call(this.#store)
      } catch (next) {
        error = next
      }
    }
  }

  #use(store: SplitStore, keeper: Keeper): void {
    this.#store = store
    this.#keeper = keeper
    this.#durable = true
    this.#damaged = false
    this.#file.opened()
    this.#options.onChanged()
    if (!keeper.unchecked) return
    this.#unproven = new Unproven()
    if (this.#options.checkedElsewhere) this.#hearOfCheck()
    else this.#checkBehind(keeper)
  }

  #checkBehind(keeper: Keeper): void {
    const { path, checkAfterMs } = this.#options
    this.#mark(true)
    this.#check = checkLater(path, checkAfterMs, (damage) => {
      if (this.#keeper !== keeper) return
      if (damage === '') {
        this.#unproven = undefined
        this.#mark(false)
        return
      }
      this.#damaged = true
      this.#fall(this.#store, damage)
    })
  }

  /** For the processes that share the file: whether what they save is still to be kept. */
  #mark(beingChecked: boolean): void {
    void this.run((store) => {
      store.setBeingChecked(beingChecked)
    })
  }

  /** The process that looks through the file tells in it when it has found nothing. */
  #hearOfCheck(): void {
    void this.run((store) => {
      if (!store.beingChecked()) this.#unproven = undefined
    })
  }

  async #openFile(): Promise<
    { store: SplitStore; keeper: Keeper } | { why: string; refused: boolean }
  > {
    const { path, maxFileBytes, checkedAtStartBytes } = this.#options
    const odd = notAFile(path)
    if (odd !== undefined) return { why: odd, refused: false }
    const opened: { keeper?: Keeper } = {}
    const index = new WalIndex(path)
    const started = await startKeeper(
      { path, maxFileBytes, checkedAtStartBytes, damaged: this.#damaged },
      ({ why, corrupt }) => {
        if (opened.keeper === undefined || opened.keeper !== this.#keeper) return
        this.#damaged ||= corrupt
        this.#fall(this.#store, why)
      },
    )
    if (started.kind === 'failed') {
      index.release()
      return started
    }
    const keeper: Keeper = {
      ...started,
      end: async () => {
        await started.end()
        index.release()
      },
    }
    opened.keeper = keeper
    this.#damaged = false
    try {
      const database = openConnection({ path, maxFileBytes, busyTimeoutMs: 0 })
      return { store: new SplitStore(database, { remember: false, index }), keeper }
    } catch (error) {
      await keeper.end()
      return { why: describeError(error), refused: false }
    }
  }

  /** What can be read of a file that could not be opened for writing. */
  #openLeftovers(): SplitStore | undefined {
    try {
      const database = openReadOnly(this.#options.path)
      if (pragma(database, 'user_version') === migrations.length)
        return new SplitStore(database, { remember: false })
      database.close()
    } catch {
      // Nothing can be read; that the file can't be used is being told anyway.
    }
    return undefined
  }

  /** Memory takes the file's place. */
  #fall(from: SplitStore | undefined, why: string): void {
    if (this.#moving !== undefined || this.#closed) return
    const { onFact, clock, path } = this.#options
    this.#durable = false
    const keeper = this.#keeper
    this.#keeper = undefined
    this.#check?.end()
    this.#moving = this.#moveToMemory(from, keeper)
    onFact({
      kind: 'ledgerTrouble',
      at: clock(),
      why: `${path}: ${why}; splits are kept in memory until it can be used`,
    })
  }

  async #moveToMemory(from: SplitStore | undefined, keeper: Keeper | undefined): Promise<void> {
    await nextTurn()
    const memory = openMemory({ remember: true })
    this.#identity =
      from === undefined ? undefined : await copyOpen(from, memory, this.#options.clock())
    await this.#unproven?.addTo(memory, this.#options.clock())
    this.#unproven = undefined
    from?.close()
    // Not waited for here: the thread may have to wait for the disk that is in trouble.
    this.#ending = keeper?.end()
    this.#store = memory
    this.#moving = undefined
    this.#retryLater()
    this.#options.onChanged()
  }

  #retryLater(): void {
    clearTimeout(this.#retry)
    if (this.#closed) return
    this.#retry = setTimeout(() => void this.#recover(), this.#options.retryMs).unref()
  }

  async #recover(): Promise<void> {
    this.#recovering ??= this.#tryFile().finally(() => {
      this.#recovering = undefined
    })
    await this.#recovering
  }

  /** The file takes the place of memory, if it can. */
  async #tryFile(): Promise<void> {
    await this.#ending
    const opened = await this.#openFile()
    if ('store' in opened) {
      const { store, keeper } = opened
      try {
        const memory = this.#store
        await writeBack({
          from: memory,
          to: store,
          knownIdentity: this.#identity,
          clock: this.#options.clock,
        })
        this.#use(store, keeper)
        memory.close()
        this.#options.onFact({ kind: 'ledgerRecovered', at: this.#options.clock() })
        return
      } catch (error) {
        this.#damaged ||= sqliteTrouble(error) === 'corrupt'
        store.close()
        await keeper.end()
      }
    }
    this.#retryLater()
  }

  #lookAtFile(): void {
    if (!this.#durable) return
    if (this.#file.replaced) {
      this.#fall(this.#store, 'was deleted or replaced while in use')
      return
    }
    this.#file.lookAtLog(() => this.#durable)
    const seen = this.run((store) => {
      const version = store.dataVersion()
      if (version === this.#dataVersion) return
      this.#dataVersion = version
      this.#options.onChanged()
      if (this.#options.checkedElsewhere && this.#unproven !== undefined) this.#hearOfCheck()
    })
    void seen
    if (!this.#learning) void this.#learnSenders()
  }

  /** In pieces, of the store in force; what trouble ends is begun anew at the next look. */
  async #learnSenders(): Promise<void> {
    this.#learning = true
    while (await this.run((store) => !this.#closed && store.learnSenders())) await nextTurn()
    this.#learning = false
  }
}

function openMemory(options: { readonly remember: boolean }): SplitStore {
  const database = new DatabaseSync(':memory:')
  migrate(database, ':memory:')
  return new SplitStore(database, options)
}

const describeAside = (
  path: string,
  aside: { readonly path: string; readonly damage: string },
): string =>
  `${path} was damaged (${aside.damage}); it was kept as ${aside.path} and a new one begun: deferred recipients are taken for new ones`
