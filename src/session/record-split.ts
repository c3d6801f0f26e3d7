/** The split of a transaction in the ledger: it is begun, saved, told of, and closed. */
import { splitClosed } from '../split/split-closed.ts'
import {
  deferRecipients,
  nextVersion,
  returnRecipients,
  startSplit,
} from '../split/split-course.ts'
import type { MessageIdentity, Split } from '../split/split.ts'
import { withOutcomes } from './outcomes.ts'
import type { Session } from './session.ts'
import { type Recipient, servingOf, type Transaction } from './transaction.ts'

export const addresses = (recipients: readonly { readonly address: string }[]): string[] =>
  recipients.map((recipient) => recipient.address)

/**
 * They came back: the delay is told once per recipient and return. Kept in the working copy until
 * the text confirms it.
 */
export function recordReturns(
  transaction: Transaction,
  recipients: readonly Recipient[],
  at: number,
): void {
  const { split } = transaction
  if (split === undefined || !transaction.presumed) return
  const remembered = recipients.filter((recipient) => recipient.memory !== undefined)
  const returned = returnRecipients(split, addresses(remembered), at)
  transaction.split = returned.split
  for (const recipient of remembered) {
    const delay = returned.delays.get(recipient.address)
    if (delay !== undefined) recipient.returnedAfterMs = delay
  }
}

/**
 * A new split is written before its client is told, so that a return is known across a crash; a
 * presumed one waits for the text.
 */
export function recordDeferrals(
  session: Session,
  transaction: Transaction,
  recipients: readonly Recipient[],
): void {
  const deferred = deferRecipients(
    transaction.split ?? beginSplit(session, transaction),
    addresses(recipients),
    session.at,
  )
  transaction.split = withOutcomes(deferred, transaction, recipients, session.at)
  if (!transaction.presumed) saveSplit(session, transaction)
}

/**
 * Which message this is, found out when something has to be kept of it: without that nothing may be
 * kept, for the next message to the same people would be taken for it.
 */
export function identify(session: Session, transaction: Transaction): MessageIdentity | undefined {
  const identity = transaction.identity ?? session.oracle.identify()
  if (identity !== undefined) transaction.identity = identity
  return identity
}

/** `deliveries only`: nobody is deferred, and no metric of splits knows of it until somebody is. */
export function beginSplit(
  session: Session,
  transaction: Transaction,
  kind: 'split' | 'deliveries only' = 'split',
): Split {
  const { peer, sender, arrival } = transaction
  const id = session.oracle.newId()
  const strategy = servingOf(transaction)
  const split = startSplit({
    id,
    at: session.at,
    transaction: transaction.id,
    reversePath: sender,
    peer: peer.name,
    strategy,
    declared: arrival.declared,
  })
  if (kind === 'deliveries only') return { ...split, deliveriesOnly: true }
  noteOpened(session, transaction, split)
  return split
}

export function noteOpened(session: Session, transaction: Transaction, split: Split): void {
  const { id, peer, strategy } = split
  session.effects.push({
    do: 'note',
    fact: {
      kind: 'splitOpened',
      at: session.at,
      transaction: transaction.id,
      split: id,
      peer,
      strategy,
    },
  })
}

export function saveSplit(session: Session, transaction: Transaction): void {
  if (transaction.split === undefined) return
  transaction.split = nextVersion(transaction.split)
  session.effects.push({ do: 'save', split: transaction.split })
}

export function noteClosed(session: Session, split: Split): void {
  const fact = splitClosed(split, session.at)
  if (fact !== undefined) session.effects.push({ do: 'note', fact })
}
