/** How many ask a judge at a time; who is more waits for their turn, in order. */
export class AtATime {
  readonly #most: number
  readonly #waiting = new Set<() => void>()
  #running = 0

  constructor(most: number) {
    this.#most = most
  }

  get running(): number {
    return this.#running
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /**
   * Does it when it is its turn.
   * @throws the signal's reason when that comes first; and what `work` throws.
   */
  async run<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    signal.throwIfAborted()
    if (this.#running >= this.#most) await this.#turn(signal)
    else this.#running++
    try {
      return await work()
    } finally {
      this.#next()
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>()
    const start = (): void => resolve(undefined)
    const stop = (): void => {
      if (this.#waiting.delete(start)) reject(signal.reason as Error)
    }
    this.#waiting.add(start)
    signal.addEventListener('abort', stop, { once: true })
    try {
      await promise
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  /** The place goes to who has waited longest. */
  #next(): void {
    const [first] = this.#waiting
    if (first === undefined) {
      this.#running--
      return
    }
    this.#waiting.delete(first)
    first()
  }
}
