/**
 * Signals that ask `serve` for something, from its first moment on: who is told that it listens, or
 * is greeted, may send one before the rest of it is there, and by default that would end the
 * process in the middle of a message.
 */

type Stop = (signal: string) => void

const stops = ['SIGTERM', 'SIGINT'] as const

export class AskedSignals {
  #stop: Stop | undefined
  #reload: (() => void) | undefined
  #stopAsked: string | undefined
  #reloadAsked = false

  constructor() {
    for (const signal of stops) process.on(signal, () => this.#onStop(signal))
    process.on('SIGHUP', () => this.#onReload())
  }

  /** It has started: what was asked since then, or is asked from now on. */
  heed(stop: Stop, reload: () => void): void {
    this.#stop = stop
    this.#reload = reload
    if (this.#stopAsked !== undefined) stop(this.#stopAsked)
    else if (this.#reloadAsked) reload()
  }

  #onStop(signal: string): void {
    if (this.#stop !== undefined) return this.#stop(signal)
    // A start that does not get on is broken off by the second one.
    if (this.#stopAsked !== undefined) process.exit(1)
    this.#stopAsked = signal
  }

  #onReload(): void {
    if (this.#reload === undefined) this.#reloadAsked = true
    else this.#reload()
  }
}
