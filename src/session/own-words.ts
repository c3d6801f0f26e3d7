/** What a client is told for a policy's sake, in the recipient's own words where it has some. */
import { octetsOf } from '../smtp/octets.ts'
import type { Reply } from '../smtp/reply.ts'
import { replies } from '../smtp/replies.ts'
import { type Policy, wishBeforeText } from '../verdict/policy.ts'
import { reason } from '../verdict/reason.ts'
import type { Message, Wanted } from '../verdict/wanted.ts'
import type { Refusal } from './answer-rcpt.ts'
import type { Recipient, Transaction } from './transaction.ts'

export const messageOf = ({ reversePath, sizeBytes }: Transaction): Message =>
  sizeBytes === undefined
    ? { sender: reversePath.address }
    : { sender: reversePath.address, sizeBytes }

/** What is refused before the text: nothing that the text could say would change it. */
export function refusalAtRcpt(
  transaction: Transaction,
  { policy, path: { mailbox } }: Recipient,
): Refusal | undefined {
  if (policy === undefined) return undefined
  const { maxSizeBytes } = policy
  const declared = Number(transaction.parameters.get('SIZE') ?? 0)
  if (maxSizeBytes !== undefined && declared > maxSizeBytes)
    return { reply: replies.tooLargeFor(mailbox, maxSizeBytes), why: reason('max_size') }
  if (wishBeforeText(policy, transaction.reversePath.address) !== 'refuse') return undefined
  const reply = saying(transaction, policy) ?? replies.refusesSender(mailbox)
  return { reply, why: reason('refuse_senders') }
}

/** With the reply for a verdict that is the policy's own, where it is not what is usually said. */
export function inOwnWords(transaction: Transaction, recipient: Recipient, wanted: Wanted): Wanted {
  const reply = wanted.by === 'policy' ? replyFor(transaction, recipient, wanted) : undefined
  return reply === undefined ? wanted : { ...wanted, reply }
}

function replyFor(
  transaction: Transaction,
  { policy, path: { mailbox } }: Recipient,
  { verdict, reason: { because } }: Wanted,
): Reply | undefined {
  if (verdict === 'defer') return replies.putOff(mailbox)
  if (verdict !== 'reject' || policy === undefined) return undefined
  if (because === 'max_size') return replies.tooLargeFor(mailbox, policy.maxSizeBytes ?? 0)
  const words = saying(transaction, policy)
  const ofSender = because === 'refuse_senders' || because === 'known_senders_only'
  return ofSender ? (words ?? replies.refusesSender(mailbox)) : words
}

/** RFC 6531 3.7.4: a reply has characters beyond ASCII only where the client has said SMTPUTF8. */
function saying({ parameters }: Transaction, { rejectText }: Policy): Reply | undefined {
  if (rejectText === undefined) return undefined
  return replies.rejectedSaying(
    octetsOf(parameters.has('SMTPUTF8') ? rejectText : withoutAccents(rejectText)),
  )
}

/** As a reader would still know it: `Büro` is `Buro`, and what has no such form is `?`. */
const withoutAccents = (text: string): string =>
  text
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[^\x20-\x7e]/gu, '?')
