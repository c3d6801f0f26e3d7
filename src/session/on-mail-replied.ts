/**
 * What the backend says to MAIL: the answer to MAIL, where the client waits for it, or else nothing
 * unless it is against the sender. Then it is the answer to each RCPT, as with Postfix's
 * `smtpd_delay_reject`.
 */
import { isPositive, type Reply } from '../smtp/reply.ts'
import { replies } from '../smtp/replies.ts'
import { reason } from '../verdict/reason.ts'
import { concludeRefusedMail } from './conclude.ts'
import { rememberRefusedMail } from './ending.ts'
import { onRecipientReplied } from './on-rcpt.ts'
import { forClient } from './relay.ts'
import { fillSlot } from './reply-slots.ts'
import { type Session, type State, transactionOf } from './session.ts'

export function onMailReplied(session: Session, reply: Reply): void {
  const transaction = transactionOf(session)
  if (transaction === undefined || session.state.at !== 'envelope') return
  const { mailSlot } = transaction
  if (mailSlot !== undefined) return answerMail(session, session.state, mailSlot, reply)
  if (isPositive(reply)) return
  transaction.mailRefused = forClient(reply, replies.backendNonsense)
  for (const { index } of transaction.recipients) onRecipientReplied(session, index, reply)
}

function answerMail(
  session: Session,
  { transaction, hello }: Extract<State, { at: 'envelope' }>,
  slot: number,
  reply: Reply,
): void {
  if (isPositive(reply)) return fillSlot(session.slots, slot, forClient(reply, replies.senderOk))
  // The transaction never began; what was pipelined behind it has no MAIL.
  const said = forClient(reply, replies.backendNonsense)
  transaction.lastReply = said
  rememberRefusedMail(session, said)
  fillSlot(session.slots, slot, said)
  for (const recipient of transaction.recipients) {
    if (recipient.fate !== 'asked' && recipient.fate !== 'considered') continue
    recipient.fate = 'postponed'
    recipient.reason = reason('mail refused')
    fillSlot(session.slots, recipient.slot, replies.needMail)
  }
  session.state = { at: 'ready', hello }
  session.effects.push({ do: 'abandon' })
  concludeRefusedMail(session, transaction)
}
