/**
 * Whether one endpoint can be used, and how long it is left alone when it can't. Pure: the clock
 * comes in. Times are ms.
 */
export interface HealthOptions {
  /**
   * How long an endpoint is left alone after its first failure; twice as long after each further
   * one.
   */
  readonly ejectMs: number
  readonly ejectAtMostMs: number
}

/**
 * By so much of a wait it may be shorter, so that those who wait for the same server do not ask it
 * together.
 */
export const jitter = 0.25

export class Health {
  readonly #options: HealthOptions
  #ejectedFor = 0
  #upSince = -Infinity
  #failedAt = -Infinity
  /** Why it is not used; undefined while it is. */
  why: string | undefined

  constructor(options: HealthOptions) {
    this.#options = options
  }

  get up(): boolean {
    return this.why === undefined
  }

  /**
   * It failed: how long it is left alone from now on. One that fails again soon after it came back
   * is left alone for longer; many messages that fail at the same time are one failure.
   */
  failed(why: string, now: number): number {
    const { ejectMs, ejectAtMostMs } = this.#options
    const steady = this.up && now - this.#upSince > this.#ejectedFor
    const again =
      this.up || now - this.#failedAt >= this.#ejectedFor * (1 - jitter) || now < this.#failedAt
    this.why = why
    if (!again) return this.#ejectedFor
    this.#ejectedFor =
      steady || this.#ejectedFor === 0 ? ejectMs : Math.min(this.#ejectedFor * 2, ejectAtMostMs)
    this.#failedAt = now
    return this.#ejectedFor
  }

  /** It answered. True when it was ejected until now. */
  answered(now: number): boolean {
    if (this.up) return false
    this.why = undefined
    this.#upSince = now
    return true
  }
}
