/**
 * Which store is in force: the server, or memory while the server is away. A call that the server
 * did not answer is made in memory, so that nobody who calls has to know.
 *
 *     server ── gone, silent, full, read-only ──▶ memory, empty at first
 *       ▲                                           │ tried every second, then less often
 *       └── what memory holds is written there ◀────┘
 */
import type { FactListener } from '../../facts/fact.ts'
import { AtServer } from '../../redis/at-server.ts'
import type { RedisConnection } from '../../redis/connection.ts'
import type { ServerLocator } from '../../redis/locator.ts'
import { openMemory, type AwayMemory } from './stand-in.ts'
import { indexesKeptMs, RedisStore, type Dropped, type RedisStoreOptions } from './commands.ts'
import { describeRedisError } from './trouble.ts'
import { WakeUps } from './wake-ups.ts'
import { SenderWatch } from './watch.ts'

export interface RedisStorageOptions extends Omit<RedisStoreOptions, 'connection' | 'watch'> {
  readonly locator: ServerLocator
  /** Of one operation; then it is made in memory. ms. */
  readonly timeoutMs: number
  /** See watch.ts. */
  readonly leaseMs: number
  /** Of this one and others that keep the splits of other senders. */
  readonly shards: number
  /**
   * Between two attempts to use a server that was away, ms; doubled up to `longestRetryMs` while it
   * fails.
   */
  readonly retryMs: number
  readonly onFact: FactListener
  /** ms since the epoch. */
  readonly clock: () => number
  readonly onDropped: (dropped: readonly Dropped[]) => void
  /**
   * The server is in force again after this, unless it rejects. Called again when meanwhile
   * something else was written.
   */
  readonly onReturn: (store: RedisStore) => Promise<void>
  /** Whether `onReturn` has written everything. */
  readonly isWritten: () => boolean
}

/** As long as it is away, who has a message is known to one front-end alone. */
const longestRetryMs = 5000

/**
 * A server that was in force for this long before it failed is tried again as soon as a new one.
 */
const provenMs = 60_000

/** What leads to the server that is in force. */
interface Server {
  readonly connection: RedisConnection
  readonly watch: SenderWatch
  readonly wakeUps: WakeUps
  readonly unfollow: () => void
}

function leave({ connection, watch, wakeUps, unfollow }: Server): void {
  unfollow()
  watch.stop()
  wakeUps.close()
  connection.close()
}

export async function openRedisStorage(options: RedisStorageOptions): Promise<RedisStorage> {
  const storage = new RedisStorage(options, await openMemory(options))
  await storage.start()
  return storage
}

export class RedisStorage {
  readonly #options: RedisStorageOptions
  #memory: AwayMemory
  #server: Server | undefined
  /** In force unless undefined. */
  #store: RedisStore | undefined
  #since = 0
  #inTrouble = false
  #retryMs: number
  #retry: NodeJS.Timeout | undefined
  #recovering: Promise<unknown> | undefined
  #closed = false
  readonly #underWay = new Set<Promise<unknown>>()

  constructor(options: RedisStorageOptions, memory: AwayMemory) {
    this.#options = options
    this.#memory = memory
    this.#retryMs = options.retryMs
  }

  get durable(): boolean {
    return this.#store !== undefined
  }

  /** True only if nothing of the sender is open on the server. */
  isQuiet(reversePath: string): boolean {
    return this.#server?.watch.isQuiet(reversePath) ?? false
  }

  async start(): Promise<void> {
    const error = await this.#tryServer()
    if (error === undefined) return
    this.#tellTrouble(error)
    this.#retryLater()
  }

  /**
   * Makes a call on the server, or in memory when the server is away or does not answer it. Rejects
   * only with what `inMemory` throws.
   */
  run<T>(
    onServer: (store: RedisStore) => Promise<T>,
    inMemory: (memory: AwayMemory) => T | Promise<T>,
  ): T | Promise<T> {
    const store = this.#store
    if (store === undefined) return inMemory(this.#memory)
    const work = this.#runOnServer(store, onServer, inMemory)
    this.#underWay.add(work)
    return work.finally(() => this.#underWay.delete(work))
  }

  /** Writes back what it can, and ends the connection. No call may be made from then on. */
  async close(): Promise<void> {
    clearTimeout(this.#retry)
    await Promise.allSettled(this.#underWay)
    await this.#recovering
    if (this.#store === undefined && !this.#isWritten) await this.#tryServer()
    this.#closed = true
    clearTimeout(this.#retry)
    if (this.#server !== undefined) {
      await this.#server.watch.end()
      leave(this.#server)
    }
    await this.#memory.close()
  }

  get #isWritten(): boolean {
    return this.#memory.isWritten && this.#options.isWritten()
  }

  async #runOnServer<T>(
    first: RedisStore,
    onServer: (store: RedisStore) => Promise<T>,
    inMemory: (memory: AwayMemory) => T | Promise<T>,
  ): Promise<T> {
    for (let store: RedisStore | undefined = first; store !== undefined; store = this.#store) {
      try {
        return await onServer(store)
      } catch (error) {
        this.#fall(store, error)
        // Closed: nothing takes its place, and trying again would never end.
        if (this.#closed) throw error
      }
    }
    return await inMemory(this.#memory)
  }

  #fall(store: RedisStore, error: unknown): void {
    if (this.#store !== store || this.#closed) return
    this.#store = undefined
    const trouble =
      this.#server === undefined ? error : AtServer.of(error, this.#server.connection.url)
    if (this.#server !== undefined) leave(this.#server)
    this.#server = undefined
    if (performance.now() - this.#since > provenMs) this.#retryMs = this.#options.retryMs
    this.#tellTrouble(trouble)
    this.#retryLater()
  }

  #tellTrouble(error: unknown): void {
    const { shards, onFact, clock } = this.#options
    this.#inTrouble = true
    const what = shards > 1 ? 'splits of some senders' : 'splits'
    const why = `${describeRedisError(error)}; ${what} are kept in memory until it can be used`
    onFact({ kind: 'ledgerTrouble', at: clock(), why })
  }

  #retryLater(): void {
    clearTimeout(this.#retry)
    if (this.#closed) return
    this.#retry = setTimeout(() => {
      this.#recovering = this.#tryServer().then((error) => {
        if (error !== undefined) this.#retryLater()
      })
    }, this.#retryMs).unref()
    this.#retryMs = Math.min(this.#retryMs * 2, Math.max(longestRetryMs, this.#options.retryMs))
  }

  /** The server takes the place of memory; if it can't, gives the reason. */
  async #tryServer(): Promise<Error | undefined> {
    const { onFact, clock, onDropped, onReturn } = this.#options
    let server: Server | undefined
    try {
      const opened: { store?: RedisStore } = {}
      server = await this.#connect((error) => {
        if (opened.store !== undefined) this.#fall(opened.store, error)
      })
      const { connection, watch } = server
      const store = new RedisStore({ ...this.#options, connection, watch })
      opened.store = store
      const next = await openMemory(this.#options)
      do {
        await this.#memory.writeBack(store, onDropped)
        await onReturn(store)
      } while (!this.#isWritten)
      // Nothing was written since, because no turn of the event loop has passed.
      const memory = this.#memory
      this.#memory = next
      this.#server = server
      this.#store = store
      this.#since = performance.now()
      if (this.#inTrouble) onFact({ kind: 'ledgerRecovered', at: clock() })
      this.#inTrouble = false
      await memory.close()
      return undefined
    } catch (error) {
      if (server !== undefined) leave(server)
      return error instanceof Error ? error : new Error(String(error))
    }
  }

  async #connect(onLost: (error: Error) => void): Promise<Server> {
    const { locator, base, timeoutMs, leaseMs, patienceMs, keepMs, shards } = this.#options
    const connection = await locator.connect({ timeoutMs, onLost }, `${base}touched`)
    const keptMs = indexesKeptMs({ patienceMs, keepMs })
    const watch = new SenderWatch({ connection, base, keptMs, leaseMs, shards })
    const wakeUps = new WakeUps({
      url: connection.url,
      channel: `${base}news`,
      timeoutMs,
      onMessage: () => watch.wake(),
    })
    const unfollow = locator.follow(connection.url, timeoutMs, onLost)
    const server = { connection, watch, wakeUps, unfollow }
    try {
      await watch.begin()
    } catch (error) {
      leave(server)
      throw error
    }
    return server
  }
}
