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
    senders: () => listLearned(senders, now()).map(viewSender),
    async pinSender(name, strategy, until, { by, reason }) {
      const at = now()
      const from = findLearned(senders, name, at)?.choice.strategy
      const pin = strategy !== undefined && { strategy, by, at, ...known({ until }) }
      senders.change({ name, at, pin })
      await senders.flush()
      const change = strategy === undefined ? 'unpinned' : 'pinned'
      onFact({
        kind: 'senderChanged',
        at,
        sender: name,
        change,
        by,
        ...known({ strategy, from, until, reason }),
      })
      const late = await parts.inForce()
      const found = findLearned(senders, name, now())
      return found === undefined ? undefined : { ...viewSender(found), ...late }
    },
    async forgetSender(name, { by, reason }) {
      const at = now()
      const from = findLearned(senders, name, at)?.choice.strategy
      if (from === undefined) return false
      senders.change({ name, at, forget: true })
      await senders.flush()
      const author = { by, ...known({ from, reason }) }
      onFact({ kind: 'senderChanged', at, sender: name, change: 'forgotten', ...author })
      await parts.inForce()
      return true
    },
  }
}

const viewSender = (sender: LearnedSender): SenderView => ({
  name: sender.name,
  strategy: sender.choice.strategy,
  why: sender.choice.why,
  lessons: sender.lessons,
  forcedRetries: sender.forcedRetries,
  retryDelays: sender.delays ?? [],
  at: sender.at,
  ...known({ seen: sender.seen, pin: sender.pin }),
})
