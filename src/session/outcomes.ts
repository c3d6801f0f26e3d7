/**
 * What a transaction leaves of each recipient in a split: the outcome, its reason and the answer.
 */
import { keepReply } from '../split/kept-reply.ts'
import { keepOutcomes } from '../split/split-course.ts'
import type { RecipientOutcome, Split, SplitRecipient } from '../split/split.ts'
import { overruled, type Reason } from '../verdict/reason.ts'
import type { Recipient, Transaction } from './transaction.ts'

/** Nothing is kept of whom nothing was decided for. */
export function withOutcomes(
  split: Split,
  { id }: Transaction,
  recipients: readonly Recipient[],
  at: number,
): Split {
  const outcomes = new Map<string, RecipientOutcome>()
  for (const recipient of recipients)
    if (recipient.reason.because !== 'ended early')
      outcomes.set(recipient.address, outcomeIn(id, recipient, at))
  return outcomes.size === 0 ? split : keepOutcomes(split, outcomes)
}

function outcomeIn(
  transaction: string,
  { reason, final, lastReply }: Recipient,
  at: number,
): RecipientOutcome {
  return final && lastReply !== undefined
    ? { transaction, reason, reply: keepReply(lastReply), at }
    : { transaction, reason }
}

/** The refusal of an earlier attempt, which is told now or has to wait on. */
export const refusedBefore = ({ outcome }: SplitRecipient): Reason =>
  overruled('refused before', outcome?.reason)
