/**
 * Whether another split may be opened, asked at each message. Nearly always far fewer splits are
 * open than any limit has room for, so what is open in all is remembered for a moment, and nothing
 * is asked of the store.
 */
import type { OpenLimit, OpenLimits, Opener } from './ledger.ts'
import { mayBeReached, type Opened, reachedLimit, type Size } from './open-limits.ts'

type MaybeLater<T> = T | Promise<T>

/** As long as what others have opened may go unnoticed, ms. */
const rememberedMs = 250

export class Crowding {
  readonly #ask: (opener: Opener) => MaybeLater<Opened>
  #all: Size | undefined
  #until = 0

  constructor(ask: (opener: Opener) => MaybeLater<Opened>) {
    this.#ask = ask
  }

  crowded(opener: Opener, limits: OpenLimits): MaybeLater<OpenLimit | undefined> {
    const now = performance.now()
    if (this.#all !== undefined && now < this.#until && !mayBeReached(this.#all, limits))
      return undefined
    const opened = this.#ask(opener)
    return opened instanceof Promise
      ? opened.then((later) => this.#conclude(later, limits))
      : this.#conclude(opened, limits)
  }

  /** This process has written a split. */
  changed(): void {
    this.#all = undefined
  }

  #conclude(opened: Opened, limits: OpenLimits): OpenLimit | undefined {
    this.#all = opened.all
    this.#until = performance.now() + rememberedMs
    return reachedLimit(opened, limits)
  }
}
