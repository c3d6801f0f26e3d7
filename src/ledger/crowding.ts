/**
 * Whether another split may be opened, asked at each message. Nearly always far fewer splits are
 * open than any limit has room for, so what is open in all is remembered for a moment, and nothing
 * is asked of the store.
 */
import type { OpenLimit, OpenLimits } from './ledger.ts'
import { mayBeReached, type Opened, reachedLimit, type Size } from './open-limits.ts'

/** As long as what others have opened may go unnoticed, ms. */
const rememberedMs = 250

export class Crowding {
  #all: Size = { splits: 0, bytes: 0 }
  #until = -Infinity

  /** Nobody has reached a limit, as far as is remembered; false: the store has to be asked. */
  isFar(limits: OpenLimits): boolean {
    return performance.now() < this.#until && !mayBeReached(this.#all, limits)
  }

  /** What the store has answered. */
  conclude(opened: Opened, limits: OpenLimits): OpenLimit | undefined {
    this.#all = opened.all
    this.#until = performance.now() + rememberedMs
    return reachedLimit(opened, limits)
  }

  /** This process has written a split of so many bytes: one more is open, at most. */
  wrote(bytes: number): void {
    this.#all = { splits: this.#all.splits + 1, bytes: this.#all.bytes + bytes }
  }
}
