/** How a session ends, and how a transaction under way ends with it. */
import type { Reply } from '../smtp/reply.ts'
import { replies } from '../smtp/replies.ts'
import { abortTransaction } from './conclude.ts'
import { noteLimit, takes } from './limit.ts'
import { dropWaiting, sayNow } from './reply-slots.ts'
import { type Session, transactionOf } from './session.ts'

/** A refused command that counts towards `limits.errors_per_session` and `limits.errors_per_minute`. */
export function fault(session: Session, reply: Reply, at: number): void {
  session.errors++
  const tooMany = session.errors > session.options.limits.errorsPerSession
  if (tooMany) noteLimit(session, 'errors_per_session', at)
  if (tooMany || !takes(session, 'errors', at)) return end(session, replies.tooManyErrors, 'errors', at)
  sayNow(session.slots, reply)
}

/** The last words of a session. */
export function end(session: Session, reply: Reply, why: string, at: number): void {
  abort(session, why, at)
  dropWaiting(session.slots)
  sayNow(session.slots, reply)
  close(session, why, at)
}

export function close(session: Session, why: string, at: number): void {
  abort(session, why, at)
  delete session.held
  session.state = { at: 'closed' }
  session.effects.push({ do: 'close' })
  session.effects.push({
    do: 'note',
    fact: {
      kind: 'sessionClosed',
      at,
      session: session.id,
      peer: session.peerName,
      tls: session.secured,
      address: session.client.address,
      helo: session.helo,
      transactions: session.transactions,
      why,
      ms: at - session.openedAt,
    },
  })
}

/** Ends the transaction under way, if there is one: RSET, EHLO, QUIT, a lost client. */
export function abort(session: Session, why: string, at: number): void {
  const transaction = transactionOf(session)
  if (transaction === undefined || !('hello' in session.state)) return
  session.effects.push({ do: 'abandon' })
  const { hello } = session.state
  session.state = { at: 'ready', hello }
  abortTransaction(session, transaction, { why, at })
}
