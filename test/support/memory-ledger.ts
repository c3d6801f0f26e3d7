/**
 * Splits in memory, for tests of the machine alone: recalls and saves as a ledger does, and refuses
 * what a ledger would refuse.
 */
import type { Split } from '../../src/split/split.ts'

export class MemoryLedger {
  readonly splits = new Map<string, Split>()

  openOf(reversePath: string): readonly Split[] {
    return this.open
      .filter((split) => split.reversePath === reversePath)
      .sort((a, b) => a.startedAt - b.startedAt)
  }

  recall(reversePath: string, recipient: string): Split[] {
    return [...this.splits.values()]
      .filter((split) => split.status === 'open' && split.reversePath === reversePath)
      .filter((split) => split.recipients.some(({ address }) => address === recipient))
      .sort((a, b) => a.startedAt - b.startedAt)
  }

  /** False when another writer was faster: one transaction after the other never meets that. */
  save(split: Split): boolean {
    const stored = this.splits.get(split.id)?.version ?? 0
    if (split.version !== stored + 1) return false
    this.splits.set(split.id, split)
    return true
  }

  get open(): Split[] {
    return [...this.splits.values()].filter((split) => split.status === 'open')
  }
}
