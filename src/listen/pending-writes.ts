/**
 * Writes to the ledger that have to be done before anything more is said or done. Writes nothing
 * itself.
 */
export class PendingWrites {
  readonly #onDone: () => void
  #open = 0
  readonly #waiting: (() => void)[] = []

  /** `onDone` is called whenever none is open any more, before what waited for it. */
  constructor(onDone: () => void) {
    this.#onDone = onDone
  }

  get open(): boolean {
    return this.#open > 0
  }

  /** What is there at once needs no waiting. */
  add(saved: unknown): void {
    if (!(saved instanceof Promise)) return
    this.#open++
    const done = (): void => {
      this.#open--
      if (this.#open > 0) return
      this.#onDone()
      for (const act of this.#waiting.splice(0)) act()
    }
    // A ledger rejects only when it is closed: nobody is left to be told.
    void saved.then(done, done)
  }

  /** Now, or when nothing is being saved any more. */
  whenDone(act: () => void): void {
    if (this.open) this.#waiting.push(act)
    else act()
  }
}
