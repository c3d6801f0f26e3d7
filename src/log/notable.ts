/** Which messages have a line where not all of them have one (`log.messages`). */
import type { RecipientFact, TransactionFact } from '../facts/transaction.ts'

/**
 * Most messages are not: one attempt, taken by the server behind as it came, for everybody. What
 * was guessed, forgiven, split, marked, refused, put off or broken off is.
 */
export function isNotable(fact: TransactionFact): boolean {
  const { outcome, recipients, split, unsplit, cameBack, guess, observed } = fact
  if (outcome !== 'accepted' || recipients.length === 0 || observed === true) return true
  if (split !== undefined || unsplit !== undefined) return true
  return cameBack !== undefined || guess !== undefined || recipients.some(isNotableOne)
}

const isNotableOne = ({ fate, verdict, duplicate }: RecipientFact): boolean =>
  fate !== 'through' || duplicate === true || (verdict !== undefined && verdict !== 'accept')
