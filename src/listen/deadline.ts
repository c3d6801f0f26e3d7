/** The one timer of a connection. */
export class Deadline {
  readonly #onTimeOut: () => void
  #timer: NodeJS.Timeout | undefined
  #ms = 0

  constructor(onTimeOut: () => void) {
    this.#onTimeOut = onTimeOut
  }

  /** From now on this much time; what runs already goes on if it is as long. 0: none. */
  set(ms: number): void {
    if (ms === this.#ms) return
    this.#start(ms, this.#onTimeOut)
  }

  /** The time begins anew. */
  refresh(): void {
    this.#timer?.refresh()
  }

  /** In place of everything before, whatever comes. */
  last(ms: number, act: () => void): void {
    this.#start(ms, act)
  }

  end(): void {
    clearTimeout(this.#timer)
  }

  #start(ms: number, act: () => void): void {
    clearTimeout(this.#timer)
    this.#ms = ms
    this.#timer = ms === 0 ? undefined : setTimeout(act, ms)
  }
}
