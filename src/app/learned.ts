/** What the admin API may see and do of what was learned of senders. */
import type { AdminContext, SenderView } from '../admin/context.ts'
import type { FactListener } from '../facts/fact.ts'
import { listMissing } from '../ledger/missing.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { findLearned, type LearnedSender, listLearned } from '../peers/learning.ts'
import { known } from '../known.ts'

export interface LearnedParts {
  readonly ledger: Ledger
  readonly missingAfterMs: () => number
  /** Waits until what was set is in force everywhere. */
  readonly inForce: () => Promise<{ readonly notYet?: readonly string[] }>
  readonly onFact: FactListener
  readonly now: () => number
}

export function learnedContext(
  parts: LearnedParts,
): Pick<AdminContext, 'missing' | 'senders' | 'pinSender' | 'forgetSender'> {
  const { ledger, onFact, now } = parts
  const { senders } = ledger
  return {
    missing: async (limit) => await listMissing(ledger, now() - parts.missingAfterMs(), limit),
    senders: () => listLearned(senders).map(viewSender),
    async pinSender(name, strategy, { by, reason }) {
      const at = now()
      const from = findLearned(senders, name)?.choice.strategy
      senders.change({ name, at, pin: strategy === undefined ? false : { strategy, by, at } })
      await senders.flush()
      const change = strategy === undefined ? 'unpinned' : 'pinned'
      onFact({
        kind: 'senderChanged',
        at,
        sender: name,
        change,
        by,
        ...known({ strategy, from, reason }),
      })
      const late = await parts.inForce()
      const found = findLearned(senders, name)
      return found === undefined ? undefined : { ...viewSender(found), ...late }
    },
    async forgetSender(name, { by, reason }) {
      const from = findLearned(senders, name)?.choice.strategy
      if (senders.find(name) === undefined) return false
      const at = now()
      senders.change({ name, at, forget: true })
      await senders.flush()
      const author = { by, ...known({ from, reason }) }
      onFact({ kind: 'senderChanged', at, sender: name, change: 'forgotten', ...author })
      await parts.inForce()
      return true
    },
  }
}

const viewSender = ({ name, choice, counts, at, pin }: LearnedSender): SenderView => ({
  name,
  strategy: choice.strategy,
  why: choice.why,
  lessons: counts,
  at,
  ...known({ pin }),
})
