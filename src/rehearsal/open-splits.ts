/**
 * Splits of one rehearsal: recalled and saved as a ledger does it, kept in memory, and gone with
 * the rehearsal.
 */
import type { Split } from '../split/split.ts'

export class OpenSplits {
  readonly #splits = new Map<string, Split>()

  recall(reversePath: string, recipient: string): readonly Split[] {
    return [...this.#splits.values()]
      .filter((split) => split.status === 'open' && split.reversePath === reversePath)
      .filter((split) => split.recipients.some(({ address }) => address === recipient))
  }

  find(id: string): Split | undefined {
    return this.#splits.get(id)
  }

  /** One attempt after the other: nobody else writes. */
  save(split: Split): void {
    this.#splits.set(split.id, split)
  }
}
