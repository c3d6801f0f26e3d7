/** How long a client may take for what is awaited of it. Does not know what that is. */
import { LazyTimer } from '../loop/lazy-timer.ts'

export class CommandTimer {
  readonly #alarm: LazyTimer
  #onTimeOut: () => void
  #ms = 0

  constructor(onTimeOut: () => void) {
    this.#onTimeOut = onTimeOut
    this.#alarm = new LazyTimer(() => this.#onTimeOut())
  }

  /** From now on this much time; what runs already goes on if it is as long. 0: none. */
  set(ms: number): void {
    if (ms === this.#ms) return
    this.#ms = ms
    this.refresh()
  }

  /** The time begins anew. */
  refresh(): void {
    this.#alarm.set(this.#ms === 0 ? undefined : this.#ms)
  }

  /** In place of everything before, whatever comes. */
  last(ms: number, act: () => void): void {
    this.#onTimeOut = act
    this.#ms = ms
    this.refresh()
  }

  end(): void {
    this.#alarm.end()
  }
}
