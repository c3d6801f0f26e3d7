/** Which facts the history keeps something of, and what. */
import type { Fact } from '../facts/fact.ts'
import { attemptOf, type Kept } from './attempt.ts'

/** Of these facts something is kept. */
export type KeptFact = Extract<
  Fact,
  { readonly kind: 'transactionEnded' | 'splitClosed' | 'recipientsMissing' }
>

export function keptOf(fact: KeptFact): Kept {
  const { at } = fact
  switch (fact.kind) {
    case 'transactionEnded':
      return { kind: 'attempt', attempt: attemptOf(fact) }
    case 'splitClosed': {
      const { split, outcome, abandonedRecipients: recipients } = fact
      return { kind: 'closing', closing: { at, split, outcome, recipients } }
    }
    case 'recipientsMissing': {
      const { split } = fact
      const recipients = fact.recipients.map(({ address }) => address)
      return { kind: 'closing', closing: { at, split, outcome: 'missing', recipients } }
    }
  }
}
