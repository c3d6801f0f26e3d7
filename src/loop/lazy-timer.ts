/**
 * A time limit that is set anew all the time: for each reply, for each command. The timer below it
 * is only touched when it would ring too late; when it rings too early it waits for the rest. A
 * timer for each command costs more than reading the clock.
 */
export class LazyTimer {
  readonly #onTime: () => void
  /** When the limit is reached, and when the timer ends, on the clock of `performance.now()`. */
  #due = Infinity
  #ends = Infinity
  #timer: NodeJS.Timeout | undefined

  constructor(onTime: () => void) {
    this.#onTime = onTime
  }

  /** So many ms from now, in place of what was set before; undefined: never. */
  set(ms: number | undefined): void {
    if (ms === undefined) {
      this.#due = Infinity
      return
    }
    const now = performance.now()
    this.#due = now + ms
    if (this.#due < this.#ends) this.#start(now, ms)
  }

  /** Nothing is left behind. */
  end(): void {
    this.#due = this.#ends = Infinity
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #start(now: number, ms: number): void {
    clearTimeout(this.#timer)
    this.#ends = now + ms
    this.#timer = setTimeout(this.#onTimer, ms)
  }

  readonly #onTimer = (): void => {
    this.#ends = Infinity
    this.#timer = undefined
    if (this.#due === Infinity) return
    const now = performance.now()
    const left = this.#due - now
    if (left > 0) return this.#start(now, Math.ceil(left))
    this.#due = Infinity
    this.#onTime()
  }
}
