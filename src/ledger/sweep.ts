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
const forgottenAtMost = 1000

/**
 * One round; bounded, so that it can't hold the loop. Rounds go on where the last one ended; gives
 * whether there may be more.
 */
export async function sweep({
  ledger,
  patienceMs,
  keepMs,
  onFact,
  now,
}: SweepOptions): Promise<boolean> {
  const at = now()
  const stales = await ledger.stale(at - patienceMs, batch)
  for (const stale of stales) {
    const split = abandonSplit(stale, at)
    const { saved } = await ledger.save(nextVersion(split))
    if (!saved) continue // it came back in this moment, at another node
    const fact = splitClosed(split, at)
    if (fact !== undefined) onFact(fact)
  }
  const forgotten = await ledger.forget(at - keepMs, forgottenAtMost)
  return stales.length === batch || forgotten >= forgottenAtMost
}
