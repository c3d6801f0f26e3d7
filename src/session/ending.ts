/** How a session ends, and how a transaction under way ends with it. */
import type { SessionEnd } from '../facts/sessions.ts'
import { readable } from '../smtp/octets.ts'
import type { Reply } from '../smtp/reply.ts'
import { replies } from '../smtp/replies.ts'
import { abortTransaction } from './conclude.ts'
import { noteLimit, takes } from './limit.ts'
import { madeOf } from './made.ts'
import { dropWaiting, sayNow } from './reply-slots.ts'
import { type Session, transactionOf } from './session.ts'

/**
 * A command refused with 5yz for what it is or where it stands. Counts towards
 * `limits.errors_per_session` and `limits.errors_per_minute`; what the mail server or a policy says
 * of a sender or a recipient does not.
 */
export function fault(session: Session, reply: Reply): void {
  if (!isExcused(session, reply) && endsByFault(session)) return
  sayNow(session.slots, reply)
}

/**
 * Counts a fault whose reply is said elsewhere; true when it was one too many, and the session has
 * ended with 421.
 */
export function endsByFault(session: Session): boolean {
  session.errors++
  const tooMany = session.errors > session.options.limits.errorsPerSession
  if (tooMany) noteLimit(session, 'errors_per_session')
  if (!tooMany && takes(session, 'errors')) return false
  end(session, replies.tooManyErrors, 'errors')
  return true
}

/**
 * RCPT and DATA that were pipelined behind a MAIL that is refused have no MAIL, and a good client
 * could not know (Exim does the same).
 */
function isExcused(session: Session, reply: Reply): boolean {
  if (reply !== replies.needMail || session.excused === undefined || session.excused === 0)
    return false
  session.excused--
  return true
}

export function rememberRefusedMail(session: Session, refusal: Reply): void {
  session.refusedMail = refusal
  session.excused = session.options.limits.recipients + 1
}

/** The last words of a session. */
export function end(session: Session, reply: Reply, why: SessionEnd): void {
  abort(session)
  dropWaiting(session.slots)
  sayNow(session.slots, reply)
  close(session, why)
}

export function close(session: Session, why: SessionEnd): void {
  abort(session, { trouble: why === 'shutdown' })
  delete session.held
  session.state = { at: 'closed' }
  session.effects.push({ do: 'close', asked: why === 'quit' })
  session.effects.push({
    do: 'note',
    fact: {
      kind: 'sessionClosed',
      at: session.at,
      session: session.id,
      peer: session.peerName,
      tls: session.secured,
      address: session.client.address,
      helo: readable(session.helo),
      transactions: session.transactions,
      why,
      ms: session.at - session.openedAt,
    },
  })
}

/**
 * Ends the transaction under way, if there is one: RSET, EHLO, QUIT, a lost client. `trouble`: it
 * was our own, and says nothing about the sender (rule 5).
 */
export function abort(session: Session, { trouble } = { trouble: false }): void {
  const transaction = transactionOf(session)
  if (transaction === undefined || !('hello' in session.state)) return
  session.effects.push({ do: 'abandon' })
  const made = madeOf(session.state)
  const { hello } = session.state
  session.state = { at: 'ready', hello }
  abortTransaction(session, transaction, { trouble, made })
}
