/** Gives up on splits that nobody comes back to, and forgets old ones. */
import type { FactListener } from '../facts/fact.ts'
import type { Ledger } from './ledger.ts'
import { splitClosed } from '../split/split-closed.ts'
import { abandonSplit, nextVersion } from '../split/split-course.ts'

export interface SweepOptions {
  readonly ledger: Ledger
  /** After this long without an attempt a split is abandoned, in ms. */
  readonly patienceMs: number
  /** How long a closed split stays visible, in ms. */
  readonly keepMs: number
  readonly onFact: FactListener
  readonly now: () => number
}

const batch = 100

/** One round; bounded, so that it can't hold the loop. Rounds go on where the last one ended. */
export async function sweep({
  ledger,
  patienceMs,
  keepMs,
  onFact,
  now,
}: SweepOptions): Promise<void> {
  const at = now()
  for (const stale of await ledger.stale(at - patienceMs, batch)) {
    const split = abandonSplit(stale, at)
    const { saved } = await ledger.save(nextVersion(split))
    if (!saved) continue // it came back in this moment, at another node
    const fact = splitClosed(split, at)
    if (fact !== undefined) onFact(fact)
  }
  await ledger.forget(at - keepMs, batch * 10)
}
