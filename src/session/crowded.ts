/**
 * Nobody may begin another split, because so many are open or because Rcptwise is to be taken away
 * (`rcptwise drain`): the message is served unsplit, unless it goes on with one that is open.
 */
import type { OpenLimit } from '../ledger/ledger.ts'
import { noteLimit } from './limit.ts'
import { type Session, transactionOf } from './session.ts'
import type { Transaction } from './transaction.ts'

export function onCrowded(session: Session, limit: OpenLimit): void {
  const transaction = transactionOf(session)
  if (transaction !== undefined) transaction.crowded = limit
}

/** Before anybody is deferred, at RCPT or because of the text. */
export function keepUnsplit(session: Session, transaction: Transaction): void {
  const { crowded, unsplit } = transaction
  if (unsplit !== undefined || transaction.prdr) return
  if (session.oracle.draining()) transaction.unsplit = 'draining'
  else if (crowded !== undefined) {
    transaction.unsplit = 'crowded'
    noteLimit(session, crowded)
  }
}
