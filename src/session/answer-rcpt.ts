/** The answer to RCPT: it ends it for this recipient, lets them through, or defers them. */
import { isPermanent, type Reply } from '../smtp/reply.ts'
import { replies } from '../smtp/replies.ts'
import type { Deferral } from '../strategy/choose.ts'
import { overruled, type Reason, reason } from '../verdict/reason.ts'
import { forClient } from './relay.ts'
import { fillSlot } from './reply-slots.ts'
import type { Session } from './session.ts'
import type { Recipient, Transaction } from './transaction.ts'

export interface Refusal {
  readonly reply: Reply
  readonly why: Reason
}

/** The reply at RCPT ends it for this recipient. */
export function finish(session: Session, recipient: Recipient, { reply, why }: Refusal): void {
  recipient.fate = isPermanent(reply) ? 'refused' : 'postponed'
  recipient.final = isPermanent(reply)
  recipient.lastReply = reply
  recipient.reason = why
  if (reply.code === 452) session.said452 = true
  fillSlot(session.slots, recipient.slot, reply)
}

export const byBackend = (reply: Reply): Refusal => ({ reply, why: reason('backend at RCPT') })

export function letThrough(session: Session, transaction: Transaction, recipient: Recipient): void {
  recipient.fate = 'through'
  transaction.through.add(recipient.address)
  const reply =
    recipient.concealed !== undefined
      ? replies.recipientOk
      : forClient(recipient.shown ?? replies.recipientOk, replies.recipientOk)
  recipient.lastReply = reply
  fillSlot(session.slots, recipient.slot, reply)
}

export function defer(
  session: Session,
  transaction: Transaction,
  recipient: Recipient,
  why: Deferral['why'],
): Recipient {
  const { deferCode, retryHintSeconds } = transaction.peer
  recipient.fate = 'deferred'
  recipient.reason = overruled(why, why === 'rule 2' ? reason('concealed') : undefined)
  recipient.lastReply = replies.deferred(deferCode, recipient.path.mailbox, retryHintSeconds)
  if (deferCode === 452) session.said452 = true
  fillSlot(session.slots, recipient.slot, recipient.lastReply)
  return recipient
}
