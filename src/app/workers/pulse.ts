/**
 * Notices a worker whose event loop stands still: a pattern that backtracks, a system call that
 * does not return. Such a worker greets nobody and answers nobody, and nothing in it can notice.
 *
 * What is counted is looks and not time: at each look the primary has read all that came before. A
 * primary that was busy, or was stopped, looks once when it goes on, and takes nobody for hung
 * because of its own pause.
 */

/**
 * How often a worker shows that its loop goes round, in ms. Well below `lookMs`, so that each look
 * finds something new.
 */
export const beatMs = 400
/** From one look of the primary to the next, in ms. */
export const lookMs = 1000
/** A worker that has said nothing yet loads its program; on a busy machine that takes long. */
const loadingMs = 60_000
/** From here on the primary says that it is not ready, in ms. */
const quietMs = 5000

export class Pulse {
  /** Looks in a row without a sign of life. */
  #missed = 0
  #spoke = false

  /** Anything that came from it was sent by its loop. */
  heard(): void {
    this.#spoke = true
    this.#missed = 0
  }

  /** To be called each `lookMs`. */
  look(): void {
    this.#missed++
  }

  /**
   * It has shown nothing for so long, in ms, as far as looks can tell: the first one comes at any
   * time after a sign of life.
   */
  get silentMs(): number {
    return Math.max(0, this.#missed - 1) * lookMs
  }

  quiet(limitMs: number): boolean {
    return this.#spoke && this.silentMs >= Math.min(quietMs, limitMs)
  }

  /** It has shown nothing for longer than the limit. */
  stopped(limitMs: number): boolean {
    return this.silentMs >= (this.#spoke ? limitMs : Math.max(limitMs, loadingMs))
  }
}
