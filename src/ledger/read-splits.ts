/**
 * Splits that were read lately, so that a message with many recipients does not parse the same ones
 * for each.
 */
import type { Split } from '../split/split.ts'

/** What is remembered: a split of a thousand recipients has some 200 KB. */
const mostSplits = 128

export class ReadSplits {
  readonly #splits = new Map<string, { readonly version: number; readonly split: Split }>()

  /** The split in this version, from `read` where it is not remembered. */
  get(id: string, version: number, read: () => Split | undefined): Split | undefined {
    const known = this.#splits.get(id)
    if (known?.version === version) return known.split
    const split = read()
    if (split === undefined) return undefined
    this.#splits.delete(id)
    if (this.#splits.size >= mostSplits) {
      const [oldest] = this.#splits.keys()
      if (oldest !== undefined) this.#splits.delete(oldest)
    }
    this.#splits.set(id, { version, split })
    return split
  }
}
