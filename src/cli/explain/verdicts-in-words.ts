/** What each recipient of a transaction gets, and why. */
import type { RecipientFact } from '../../facts/transaction.ts'
import { visible } from '../../log/visible.ts'
import { explainReason } from '../../verdict/reason-in-words.ts'

export function verdictsInWords(recipients: readonly RecipientFact[]): readonly string[] {
  if (recipients.length === 0) return ['none: no recipient was asked for']
  return recipients.map((recipient) =>
    visible(`${recipient.address}  ${outcomeOf(recipient)}: ${explainReason(recipient.reason)}`),
  )
}

/** The verdict, or what became of who has none. */
export const outcomeOf = ({ verdict, fate }: RecipientFact): string =>
  fate === 'through' ? (verdict ?? 'no verdict') : fate
