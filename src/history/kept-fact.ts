/** Which facts the history keeps something of, and what of those that are no attempt. */
import type { Fact } from '../facts/fact.ts'
import type { Closing } from './attempt.ts'

/** Of these facts something is kept. */
export type KeptFact = Extract<
  Fact,
  { readonly kind: 'transactionEnded' | 'splitClosed' | 'recipientsMissing' }
>

export function closingOf(fact: Exclude<KeptFact, { kind: 'transactionEnded' }>): Closing {
  const { at, split } = fact
  return fact.kind === 'splitClosed'
    ? { at, split, outcome: fact.outcome, recipients: fact.abandonedRecipients }
    : { at, split, outcome: 'missing', recipients: fact.recipients.map(({ address }) => address) }
}
