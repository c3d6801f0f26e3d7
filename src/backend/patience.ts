/**
 * The time that a reply may take. One timer serves all replies of a connection: it is set anew while it runs, and what it finds
 * without anything awaited is nothing, since a timer for each command costs more than the rest of it.
 */
export class Patience {
  readonly #onEnd: () => void
  #timer: NodeJS.Timeout | undefined
  #ms = 0
  #waiting = false

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd
  }

  /** So many ms from now; undefined: nothing is awaited. */
  begin(ms: number | undefined): void {
    this.#waiting = ms !== undefined
    if (ms === undefined) return
    if (this.#timer !== undefined && ms === this.#ms) {
      this.#timer.refresh()
      return
    }
    clearTimeout(this.#timer)
    this.#ms = ms
    this.#timer = setTimeout(() => {
      if (this.#waiting) this.#onEnd()
    }, ms)
  }

  end(): void {
    this.#waiting = false
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
