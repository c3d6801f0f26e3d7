/**
 * A text in memory on its way to the one who takes it. What was appended is given in a microtask,
 * so that whoever appends is through with it first; however much it was, there is one.
 */
import { inMicrotask } from '../loop/microtask.ts'
import type { Pour, TextTaker } from '../message/text-source.ts'

interface Source {
  /** Undefined: nothing has come since. */
  readonly next: () => Buffer | 'complete' | 'broken off' | undefined
  /** Called once, before the taker is told of the end. */
  readonly onOver: () => void
}

export class SpoolPour implements Pour {
  readonly #taker: TextTaker
  readonly #source: Source
  #full = false
  #called = false
  #over = false

  constructor(taker: TextTaker, source: Source) {
    this.#taker = taker
    this.#source = source
    this.wake()
  }

  /** Something has come, or the text has ended. */
  wake(): void {
    if (this.#called || this.#full || this.#over) return
    this.#called = true
    inMicrotask(this.#give)
  }

  readonly #give = (): void => {
    this.#called = false
    while (!this.#full && !this.#over) {
      const next = this.#source.next()
      if (next === undefined) return
      if (typeof next === 'object') this.#full = !this.#taker.take(next)
      else {
        this.stop()
        return next === 'complete' ? this.#taker.complete() : this.#taker.brokenOff()
      }
    }
  }

  goOn(): void {
    this.#full = false
    this.wake()
  }

  stop(): void {
    if (this.#over) return
    this.#over = true
    this.#source.onOver()
  }
}
