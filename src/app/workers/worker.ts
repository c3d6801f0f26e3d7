/** One worker process as its primary sees it: from its start to its end. */
import type { ChildProcess } from 'node:child_process'
import type { MetricJson } from '../../metrics/told.ts'
import { stdoutIsJournal } from './log-pipe.ts'
import {
  asError,
  type FromWorker,
  type WorkerSetup,
  type ToWorker,
  type WorkerTrouble,
} from './messages.ts'
import { Pulse } from './pulse.ts'
import type { SharedSocket } from './shared-socket.ts'

export interface WorkerOptions {
  /** Of this program, and without orders so far. */
  readonly child: ChildProcess
  /** From 1. */
  readonly slot: number
  readonly orders: WorkerSetup
  readonly sockets: ReadonlyMap<string, SharedSocket>
  readonly onMessage: (worker: Worker, message: FromWorker) => void
  /** It is gone, whatever the reason, and all that it has said was heard. */
  readonly onEnd: (worker: Worker, how: string) => void
}

/** Somebody else has ended it, such as the kernel when memory is short: the next one may do. */
export class WorkerKilled extends Error {}

export class Worker {
  readonly slot: number
  readonly #child: ChildProcess
  readonly #options: WorkerOptions
  readonly #started = Promise.withResolvers<undefined>()
  readonly #ended = Promise.withResolvers<undefined>()
  readonly pulse = new Pulse()
  /** What waits for `refreshed`, by its number. */
  readonly #refreshing = new Map<number, (durable: boolean) => void>()
  #refreshes = 0
  #reloaded: PromiseWithResolvers<WorkerTrouble | undefined> | undefined
  /** What keeps it from being ready; undefined until it has started. */
  reasons: readonly string[] | undefined
  /** What it serves with. */
  orders: WorkerSetup
  /** What Node.js tells of it, as it was when it was asked last. */
  ofNode: readonly MetricJson[] = []
  /** Who waits for what it has counted, by the number of the question. */
  readonly #asking = new Map<number, () => void>()
  #questions = 0

  constructor(options: WorkerOptions) {
    this.slot = options.slot
    this.#options = options
    this.orders = options.orders
    this.#child = options.child
    const piped = options.child.stdout !== null
    this.#child.on('message', (message: FromWorker) => this.#hear(message))
    this.#child.once('close', (code, signal) =>
      this.#end(signal ?? `exit code ${code ?? 'unknown'}`, signal !== null),
    )
    // Who waits for these hears it from there; nobody else has to.
    this.#started.promise.catch(() => undefined)
    for (const key of new Set(options.orders.sockets)) this.#give(key, options.sockets)
    const journal = stdoutIsJournal()
    this.tell({ kind: 'start', slot: options.slot, orders: options.orders, piped, journal })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** It takes mail; rejects with why it does not. */
  get started(): Promise<undefined> {
    return this.#started.promise
  }

  get ended(): Promise<undefined> {
    return this.#ended.promise
  }

  tell(message: ToWorker): void {
    if (this.#child.connected) this.#child.send(message, () => undefined)
  }

  /** Asks what it has counted; it has told, or it is late, when this resolves. */
  async askMetrics(limitMs: number): Promise<void> {
    if (this.reasons === undefined) return
    const told = Promise.withResolvers<undefined>()
    const number = ++this.#questions
    this.#asking.set(number, () => told.resolve(undefined))
    this.tell({ kind: 'metrics', number })
    const timer = setTimeout(told.resolve, limitMs, undefined)
    await Promise.race([told.promise, this.#ended.promise])
    clearTimeout(timer)
    this.#asking.delete(number)
  }

  /** What was set in the ledger is in force here when this resolves; else why not. */
  async refresh(limitMs: number): Promise<string | undefined> {
    const refreshed = Promise.withResolvers<string | undefined>()
    const timer = setTimeout(refreshed.resolve, limitMs, `worker ${this.slot} does not react`)
    const number = ++this.#refreshes
    this.#refreshing.set(number, (durable) =>
      refreshed.resolve(
        durable ? undefined : `worker ${this.slot} can't use the ledger now (see the log)`,
      ),
    )
    // One that has not started yet may have read the ledger before the change. One that ends is
    // replaced by one that reads it then.
    void this.#started.promise.then(
      () => this.tell({ kind: 'refresh', number }),
      () => refreshed.resolve(undefined),
    )
    void this.#ended.promise.then(refreshed.resolve)
    return await refreshed.promise.finally(() => clearTimeout(timer))
  }

  /**
   * Serves new sessions with these orders; gives what is wrong with them, if anything is: it then
   * serves as before.
   */
  async reload(
    orders: WorkerSetup,
    sockets: ReadonlyMap<string, SharedSocket>,
    fresh: readonly string[],
  ): Promise<WorkerTrouble | undefined> {
    for (const key of fresh) this.#give(key, sockets)
    this.#reloaded = Promise.withResolvers<WorkerTrouble | undefined>()
    this.tell({ kind: 'reload', orders })
    const gone = this.#ended.promise.then((): WorkerTrouble => ({
      message: `worker ${this.slot} ended meanwhile`,
    }))
    const trouble = await Promise.race([this.#reloaded.promise, gone])
    if (trouble === undefined) this.orders = orders
    return trouble
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  #give(key: string, sockets: ReadonlyMap<string, SharedSocket>): void {
    if (this.#child.connected) sockets.get(key)?.sendTo(this.#child, { kind: 'socket', key })
  }

  #hear(message: FromWorker): void {
    this.pulse.heard()
    switch (message.kind) {
      case 'started':
        this.reasons = message.reasons
        this.#started.resolve(undefined)
        break
      case 'failed':
        this.#started.reject(asError(message.trouble))
        break
      case 'state':
        this.reasons = message.reasons
        break
      case 'counted':
        if (message.asked !== undefined) this.ofNode = message.asked.ofNode
        break
      case 'refreshed':
        this.#refreshing.get(message.number)?.(message.durable)
        this.#refreshing.delete(message.number)
        break
      case 'reloaded':
        this.#reloaded?.resolve(message.trouble)
        break
      case 'beat':
        return
      case 'counts':
      case 'taken':
      case 'away':
      case 'events':
      case 'trouble':
    }
    this.#options.onMessage(this, message)
    // What it told is heard before who has asked goes on.
    if (message.kind === 'counted') this.#asking.get(message.asked?.number ?? 0)?.()
  }

  #end(how: string, byForce: boolean): void {
    const why = `worker ${this.slot} ended with ${how} before it took mail`
    this.#started.reject(byForce ? new WorkerKilled(why) : new Error(why))
    this.#ended.resolve(undefined)
    this.#options.onEnd(this, how)
  }
}
