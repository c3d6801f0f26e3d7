/** The workers of a primary: as many as wanted, each replaced when it ends by itself. */
import { setTimeout as pause } from 'node:timers/promises'
import type { FactListener } from '../../facts/fact.ts'
import type { Sums } from '../../metrics/summed.ts'
import type { MetricJson } from '../../metrics/told.ts'
import type { EventWatcher } from '../live/watched-events.ts'
import { AwayOfAll } from './away.ts'
import type { BegunWorkers } from './begun-workers.ts'
import { asError, type FromWorker, type WorkerSetup } from './messages.ts'
import { lookMs } from './pulse.ts'
import type { SharedSocket } from './shared-socket.ts'
import { CountsOfAll } from './shared-counts.ts'
import { RatesOfAll } from './shared-rates.ts'
import { Worker, WorkerKilled } from './worker.ts'

export interface CrewOptions {
  readonly workers: number
  /** Where their processes come from. */
  readonly begun: BegunWorkers
  readonly orders: WorkerSetup
  readonly sockets: ReadonlyMap<string, SharedSocket>
  /** What they have counted is added there. */
  readonly sums: Sums
  /** A worker has ended by itself; another one begins in `againMs`. */
  readonly onLost: (worker: {
    readonly slot: number
    readonly pid: number
    readonly how: string
    readonly againMs: number
  }) => void
  /** Its event loop stands still; it is ended, and lost. */
  readonly onHung: (worker: {
    readonly slot: number
    readonly pid: number
    readonly silentMs: number
  }) => void
  /** A server behind is left alone, or used again: for the log. */
  readonly onAway: FactListener
  /** Hears of what happens in workers. */
  readonly onEvent: EventWatcher
  /** In words, for the log. */
  readonly onTrouble: (what: string) => void
  /** ms since the epoch. */
  readonly now: () => number
}

/**
 * The first wait before a worker is replaced, in ms; doubled each time it does not live for long.
 */
const againFirstMs = 100
const againMostMs = 30_000
const longLifeMs = 60_000
/** How long a scrape waits for a worker that is busy; then what it told last counts. */
const metricsLimitMs = 2000
/**
 * How long a change waits for a worker that does not react; it is ended soon after
 * (timeouts.worker), or goes on.
 */
const refreshLimitMs = 5000
/** Sessions that have not ended by their own limit are ended with their process. */
const afterLimitMs = 5000

interface Slot {
  readonly slot: number
  worker: Worker | undefined
  againMs: number
  /** The last one that was lost has a successor who takes mail, or one that can't. */
  replaced?: Promise<void>
}

export class Supervisor {
  readonly #options: CrewOptions
  readonly #posts: readonly Slot[]
  readonly #counts: CountsOfAll<Worker>
  readonly #rates: RatesOfAll<Worker>
  readonly #away: AwayOfAll<Worker>
  readonly #closing = new AbortController()
  readonly #looking: NodeJS.Timeout
  /** They are being ended for it. */
  readonly #hung = new WeakSet<Worker>()
  #orders: WorkerSetup
  /** Who hears of what happens in the workers, if anybody does. */
  /** Somebody watches all events. */
  #watched = false

  constructor(options: CrewOptions) {
    this.#options = options
    this.#orders = options.orders
    this.#away = new AwayOfAll(options.onAway)
    this.#posts = Array.from({ length: options.workers }, (_, i) => ({
      slot: i + 1,
      worker: undefined,
      againMs: againFirstMs,
    }))
    this.#counts = new CountsOfAll((worker, counts, others) =>
      worker.tell({ kind: 'elsewhere', counts, others }),
    )
    this.#rates = new RatesOfAll(
      (worker, taken) => worker.tell({ kind: 'takenElsewhere', taken }),
      options.now,
    )
    // What has come meanwhile is read first: timers are before messages in a turn of the loop.
    this.#looking = setInterval(() => setImmediate(() => this.#look()), lookMs).unref()
  }

  /**
   * Starts them all; rejects with the first that can't take mail, and why. One that is killed
   * meanwhile says nothing of that: others take mail already, and another one takes its place.
   */
  async start(): Promise<void> {
    await Promise.all(this.#posts.map(async (post) => await this.#fill(post)))
  }

  async #fill(post: Slot): Promise<void> {
    try {
      await this.#begin(post).started
    } catch (error) {
      if (!(error instanceof WorkerKilled)) throw error
      await post.replaced
    }
  }

  get workers(): readonly Worker[] {
    return this.#posts.flatMap(({ worker }) => worker ?? [])
  }

  /** What keeps any of them from being ready. */
  reasons(): readonly string[] {
    const all = this.#posts.flatMap(({ slot, worker }) => {
      if (worker?.reasons === undefined) return [`worker ${slot} is being started again`]
      return worker.pulse.quiet(this.#hungMs) ? [`worker ${slot} does not react`] : worker.reasons
    })
    return [...new Set(all)]
  }

  get #hungMs(): number {
    return this.#orders.config.timeouts.workerMs
  }

  #look(): void {
    for (const worker of this.workers) {
      worker.pulse.look()
      if (!worker.pulse.stopped(this.#hungMs)) continue
      const { slot, pid } = worker
      if (this.#hung.has(worker)) continue
      this.#hung.add(worker)
      this.#options.onHung({ slot, pid, silentMs: worker.pulse.silentMs })
      worker.kill()
    }
  }

  /** Asks what they have counted, and gives what Node.js tells of each. */
  async metrics(): Promise<readonly (readonly MetricJson[])[]> {
    await Promise.all(this.workers.map(async (worker) => await worker.askMetrics(metricsLimitMs)))
    return this.workers.map(({ ofNode }) => ofNode)
  }

  /**
   * What was set in the ledger is in force in every worker when this resolves, but for those that
   * it names.
   */
  async refresh(): Promise<readonly string[]> {
    const asked = this.workers.map(async (worker) => await worker.refresh(refreshLimitMs))
    return (await Promise.all(asked)).filter((why) => why !== undefined)
  }

  /** The next certificates, for each of them. */
  certify(certificates: NonNullable<WorkerSetup['certificates']>): void {
    this.#orders = { ...this.#orders, certificates }
    for (const worker of this.workers) worker.tell({ kind: 'certificates', certificates })
  }

  /**
   * Serves with other orders: one worker tries them, then all. Rejects with what is wrong with
   * them, and all go on as before. `fresh`: keys of sockets that the workers do not have yet.
   */
  async reload(orders: WorkerSetup, fresh: readonly string[]): Promise<void> {
    const first = this.workers.find(
      ({ reasons, pulse }) => reasons !== undefined && !pulse.quiet(this.#hungMs),
    )
    if (first === undefined)
      throw new Error('no worker runs that could try it: send SIGHUP when one does')
    const trouble = await first.reload(orders, this.#options.sockets, fresh)
    if (trouble !== undefined) throw asError(trouble)
    this.#orders = orders
    const before = this.workers.filter((worker) => worker.orders !== orders)
    const others = before.map(async (worker) => {
      // One that ends before it has started is replaced by one that starts with these.
      if (
        !(await worker.started.then(
          () => true,
          () => false,
        ))
      )
        return
      const why = await worker.reload(orders, this.#options.sockets, fresh)
      if (why === undefined) return
      // It was good enough for the first one: a worker that starts anew will find it so, too.
      this.#options.onTrouble(
        `worker ${worker.slot} could not change its configuration: ${why.message}`,
      )
      worker.kill()
    })
    await Promise.all(others)
  }

  /** Sessions end within the limit, in ms; what has not ended soon after it is killed. */
  async stop(limitMs: number): Promise<void> {
    this.#closing.abort()
    clearInterval(this.#looking)
    const workers = this.workers
    for (const worker of workers) worker.tell({ kind: 'stop' })
    const timer = setTimeout(() => this.kill(), limitMs + afterLimitMs)
    await Promise.all(workers.map(async (worker) => await worker.ended))
    clearTimeout(timer)
    this.#counts.end()
    this.#rates.end()
  }

  /** Every worker tells all its events from now on, one that begins later too; or none does. */
  watchOften(on: boolean): void {
    this.#watched = on
    for (const worker of this.workers) worker.tell({ kind: 'watch', on })
  }

  kill(): void {
    this.#closing.abort()
    clearInterval(this.#looking)
    for (const worker of this.workers) worker.kill()
  }

  #begin(post: Slot): Worker {
    const startedAt = performance.now()
    const worker = new Worker({
      child: this.#options.begun.take(),
      slot: post.slot,
      orders: this.#orders,
      sockets: this.#options.sockets,
      onMessage: (from, message) => this.#hear(from, message),
      onEnd: (ended, how) =>
        this.#lose(post, ended, { how, livedMs: performance.now() - startedAt }),
    })
    post.worker = worker
    if (this.#watched) worker.tell({ kind: 'watch', on: true })
    return worker
  }

  #hear(worker: Worker, message: FromWorker): void {
    if (message.kind === 'started') {
      this.#counts.join(worker)
      this.#rates.join(worker)
    } else if (message.kind === 'counted') this.#options.sums.hear(worker, message.told)
    else if (message.kind === 'taken') this.#rates.hear(worker, message.taken)
    else if (message.kind === 'counts') this.#counts.hear(worker, message.counts)
    else if (message.kind === 'away') this.#away.hear(worker, message.fact)
    else if (message.kind === 'events')
      for (const event of message.events) this.#options.onEvent(event)
    else if (message.kind === 'trouble') this.#options.onTrouble(message.what)
  }

  #lose(
    post: Slot,
    worker: Worker,
    { how, livedMs }: { readonly how: string; readonly livedMs: number },
  ): void {
    post.worker = undefined
    this.#counts.leave(worker)
    this.#rates.leave(worker)
    this.#away.leave(worker)
    this.#options.sums.leave(worker)
    if (this.#closing.signal.aborted) return
    const againMs = livedMs > longLifeMs ? againFirstMs : post.againMs
    post.againMs = Math.min(againMs * 2, againMostMs)
    const { slot } = post
    this.#options.onLost({ slot, pid: worker.pid, how, againMs })
    post.replaced = this.#replaceLater(post, againMs)
  }

  async #replaceLater(post: Slot, againMs: number): Promise<void> {
    try {
      await pause(againMs, undefined, { signal: this.#closing.signal })
      await this.#begin(post).started
    } catch (error) {
      if (this.#closing.signal.aborted) return
      this.#options.onTrouble(
        `worker ${post.slot} can't take mail: ${error instanceof Error ? error.message : String(error)}`,
      )
    }
  }
}
