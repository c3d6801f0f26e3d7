/**
 * What is told of a split that has ended, for everyone who ends one: a session, the sweep, a store
 * that is full. Pure.
 */
import { known } from '../known.ts'
import type { Fact } from '../facts/fact.ts'
import type { RecipientState, Split } from './split.ts'

/**
 * As much of a split as its end is told by: the server of a shared ledger may have lost the rest.
 */
export type EndedSplit = Pick<
  Split,
  | 'id'
  | 'attempt'
  | 'peer'
  | 'strategy'
  | 'startedAt'
  | 'messageId'
  | 'status'
  | 'deliveriesOnly'
  | 'recipients'
>

/** They have the message or their answer. */
const settled: ReadonlySet<RecipientState> = new Set(['answered', 'delivered'])

/**
 * Undefined while it is open, and for a record that is no split since nobody was deferred (decision
 * 13).
 */
export function splitClosed(
  split: EndedSplit,
  at: number,
): Extract<Fact, { kind: 'splitClosed' }> | undefined {
  const { id, attempt, peer, strategy, startedAt, status, deliveriesOnly, recipients, messageId } =
    split
  if (status === 'open' || deliveriesOnly === true) return undefined
  const abandoned =
    status === 'abandoned' ? recipients.filter(({ state }) => !settled.has(state)) : []
  return {
    kind: 'splitClosed',
    at,
    split: id,
    ...(attempt === undefined ? {} : { transaction: attempt.transaction }),
    peer,
    strategy,
    outcome: status,
    ...known({ messageId }),
    durationMs: at - startedAt,
    abandonedRecipients: abandoned.map(({ address }) => address),
  }
}
