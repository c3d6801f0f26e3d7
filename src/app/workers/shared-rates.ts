/**
 * Rates of clients that hold over all workers. Each worker tells what it took, a moment later; the
 * primary tells the others, who take it from theirs. A limit can so be passed by what comes at the
 * same moment to different workers; that is made up for before there is more. The primary keeps
 * what is not there again, for a worker that begins.
 */
import { RateLimiter } from '../../listen/rate-limiter.ts'
import type { RateListener, SharedRate, SharedRates } from '../../listen/shared-limits.ts'
import type { Taken } from './messages.ts'
import { gatherMs } from './shared-counts.ts'

const nameOf = ({ name, count, perMs }: SharedRate): string => `${name} ${count} ${perMs}`

/** Adds up what is taken, and tells it a moment later. The timer keeps no process alive. */
class Gathered {
  readonly #send: (taken: readonly Taken[]) => void
  #byRate = new Map<string, { readonly rate: SharedRate; readonly amounts: Map<string, number> }>()
  #timer: NodeJS.Timeout | undefined

  constructor(send: (taken: readonly Taken[]) => void) {
    this.#send = send
  }

  add(rate: SharedRate, key: string, amount: number): void {
    const name = nameOf(rate)
    const known = this.#byRate.get(name) ?? { rate, amounts: new Map<string, number>() }
    this.#byRate.set(name, known)
    known.amounts.set(key, (known.amounts.get(key) ?? 0) + amount)
    this.#timer ??= setTimeout(() => this.#tell(), gatherMs).unref()
  }

  #tell(): void {
    this.#timer = undefined
    const taken = [...this.#byRate.values()].map(({ rate, amounts }) => ({
      rate,
      amounts: [...amounts],
    }))
    this.#byRate = new Map()
    this.#send(taken)
  }

  end(): void {
    clearTimeout(this.#timer)
  }
}

/** A worker's side. */
export class RatesHere implements SharedRates {
  readonly #gathered: Gathered
  readonly #listeners: RateListener[] = []

  constructor(send: (taken: readonly Taken[]) => void) {
    this.#gathered = new Gathered(send)
  }

  took(rate: SharedRate, key: string, amount: number): void {
    this.#gathered.add(rate, key, amount)
  }

  onElsewhere(listener: RateListener): void {
    this.#listeners.push(listener)
  }

  hear(taken: readonly Taken[]): void {
    for (const { rate, amounts } of taken)
      for (const [key, amount] of amounts)
        for (const listener of this.#listeners) listener(rate, key, amount)
  }

  end(): void {
    this.#gathered.end()
  }
}

/** The primary's side. */
export class RatesOfAll<Worker> {
  readonly #send: (worker: Worker, taken: readonly Taken[]) => void
  readonly #now: () => number
  readonly #workers = new Map<Worker, Gathered>()
  #kept = new Map<string, { readonly rate: SharedRate; readonly limiter: RateLimiter }>()

  /** `now`: ms since the epoch. */
  constructor(send: (worker: Worker, taken: readonly Taken[]) => void, now: () => number) {
    this.#send = send
    this.#now = now
  }

  /** It is told of all that is not there again. */
  join(worker: Worker): void {
    if (this.#workers.has(worker)) return
    this.#workers.set(worker, new Gathered((taken) => this.#send(worker, taken)))
    const now = this.#now()
    const all = [...this.#kept.values()].map(({ rate, limiter }) => ({
      rate,
      amounts: [...limiter.missing(now)],
    }))
    const missing = all.filter(({ amounts }) => amounts.length > 0)
    if (missing.length > 0) this.#send(worker, missing)
  }

  hear(worker: Worker, taken: readonly Taken[]): void {
    this.join(worker)
    const now = this.#now()
    for (const { rate, amounts } of taken) {
      const limiter = this.#limiterOf(rate, now)
      for (const [key, amount] of amounts) {
        limiter.drain(key, now, amount)
        for (const [other, gathered] of this.#workers)
          if (other !== worker) gathered.add(rate, key, amount)
      }
    }
  }

  #limiterOf(rate: SharedRate, now: number): RateLimiter {
    const known = this.#kept.get(nameOf(rate))
    if (known !== undefined) return known.limiter
    // A rate that is new comes with another configuration: those that it had before may have had
    // their time.
    const left = [...this.#kept].filter(
      ([, { limiter }]) => limiter.missing(now)[Symbol.iterator]().next().done !== true,
    )
    const limiter = new RateLimiter(rate)
    this.#kept = new Map([...left, [nameOf(rate), { rate, limiter }]])
    return limiter
  }

  /** It has ended; what it took stays taken. */
  leave(worker: Worker): void {
    this.#workers.get(worker)?.end()
    this.#workers.delete(worker)
  }

  end(): void {
    for (const gathered of this.#workers.values()) gathered.end()
  }
}
