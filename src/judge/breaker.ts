/**
 * Keeps away from a judge that is down: after some failures in a row it is not asked for a while,
 * then one message asks it, and the while is twice as long when that fails too. Pure: the clock
 * comes in. Times are ms.
 */
export interface BreakerLimits {
  /** In a row. */
  readonly failures: number
  readonly firstPauseMs: number
  readonly longestPauseMs: number
}

export const breakerLimits: BreakerLimits = {
  failures: 3,
  firstPauseMs: 1000,
  longestPauseMs: 60_000,
}

export class Breaker {
  readonly #limits: BreakerLimits
  #failures = 0
  #openUntil: number | undefined
  #pauseMs: number
  /** Somebody is finding out. */
  #trying = false

  constructor(limits: BreakerLimits = breakerLimits) {
    this.#limits = limits
    this.#pauseMs = limits.firstPauseMs
  }

  get open(): boolean {
    return this.#openUntil !== undefined
  }

  /** Whether to ask now; whoever was told yes says how it went. */
  admits(now: number): boolean {
    if (this.#openUntil === undefined) return true
    if (this.#trying || now < this.#openUntil) return false
    this.#trying = true
    return true
  }

  /** True when that has closed it. */
  succeeded(): boolean {
    const closed = this.#openUntil !== undefined
    this.#failures = 0
    this.#openUntil = undefined
    this.#pauseMs = this.#limits.firstPauseMs
    this.#trying = false
    return closed
  }

  /** True when that has opened it: one line for the log. */
  failed(now: number): boolean {
    this.#failures++
    if (this.#openUntil !== undefined) {
      if (this.#trying) {
        this.#pauseMs = Math.min(this.#pauseMs * 2, this.#limits.longestPauseMs)
        this.#openUntil = now + this.#pauseMs
      }
      this.#trying = false
      return false
    }
    if (this.#failures < this.#limits.failures) return false
    this.#openUntil = now + this.#pauseMs
    return true
  }

  /** Nobody has found out: who asked was told to stop. */
  abandoned(): void {
    this.#trying = false
  }
}
