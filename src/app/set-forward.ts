/**
 * How far the clock was set forward of late, seen against one that nobody can set. A split is given
 * up when nobody has come back to it for `ledger.patience`; in one step of the clock that would be
 * every split that is open, though no sender has had that time. A machine that was asleep looks the
 * same.
 */
export interface Clocks {
  /** ms since the epoch. */
  readonly now: () => number
  /** ms since any moment; goes on evenly. */
  readonly steady: () => number
}

/** Less is a clock that is corrected in small steps, or a process that was held up. */
const leastMs = 60_000

export class SetForward {
  readonly #clocks: Clocks
  #now: number
  #steady: number
  #aheadMs = 0
  #since = -Infinity

  constructor(clocks: Clocks) {
    this.#clocks = clocks
    this.#now = clocks.now()
    this.#steady = clocks.steady()
  }

  /** ms to be allowed on top of what is to pass; none any more when `graceMs` has passed since. */
  within(graceMs: number): number {
    const [now, steady] = [this.#clocks.now(), this.#clocks.steady()]
    const aheadMs = now - this.#now - (steady - this.#steady)
    this.#now = now
    this.#steady = steady
    if (steady - this.#since > graceMs) this.#aheadMs = 0
    if (Math.abs(aheadMs) < leastMs) return this.#aheadMs
    // Set back again it has taken nobody's time.
    this.#aheadMs = Math.max(0, this.#aheadMs + aheadMs)
    this.#since = steady
    return this.#aheadMs
  }
}
