/** Texts for judges: at hand, coming in, and never complete. */
import type { TextSource } from '../../src/message/text-source.ts'

export const textOf = (pieces: readonly Buffer[], inMemory = false): TextSource => ({
  whole: () => (inMemory ? pieces : undefined),
  async *chunks() {
    for (const piece of pieces) yield await Promise.resolve(piece)
  },
})

/** One that comes in while it is read. */
export class ComingText implements TextSource {
  readonly #pieces: Buffer[] = []
  #state: 'open' | 'complete' | 'broken' = 'open'
  #wake = Promise.withResolvers<undefined>()
  /** Readers that are at it. */
  readers = 0

  push(piece: Buffer): void {
    this.#pieces.push(piece)
    this.#signal()
  }

  end(): void {
    this.#state = 'complete'
    this.#signal()
  }

  breakOff(): void {
    this.#state = 'broken'
    this.#signal()
  }

  #signal(): void {
    this.#wake.resolve(undefined)
    this.#wake = Promise.withResolvers()
  }

  whole(): readonly Buffer[] | undefined {
    return this.#state === 'complete' ? this.#pieces : undefined
  }

  async *chunks(): AsyncGenerator<Buffer> {
    this.readers++
    try {
      for (let at = 0; ;) {
        const piece = this.#pieces[at]
        if (this.#isBroken()) throw new Error('the text is not complete')
        if (piece !== undefined) {
          at++
          yield piece
        } else if (this.#state === 'complete') return
        else await this.#wake.promise
      }
    } finally {
      this.readers--
    }
  }

  #isBroken(): boolean {
    return this.#state === 'broken'
  }
}
