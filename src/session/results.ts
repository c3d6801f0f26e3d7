/** What the replies of the backend, and verdicts before it, mean for each recipient. */
import type { Path } from '../smtp/path.ts'
import { describeReply, isPermanent, isPositive, type Reply } from '../smtp/reply.ts'
import { replies } from '../smtp/replies.ts'
import type { Outcome } from '../verdict/answer.ts'
import type { Parcel } from '../verdict/parcels.ts'
import { reason } from '../verdict/reason.ts'
import type { Results } from './answering.ts'
import type { ParcelReply } from './effects.ts'
import { refusedBefore } from './outcomes.ts'
import { queueIdIn } from './queue-id.ts'
import { forClient } from './relay.ts'
import { anywayOf, type Recipient, throughOf, type Transaction } from './transaction.ts'
import { known } from '../known.ts'

export function resultsOf(transaction: Transaction, said: Said): Results {
  const replyTo = repliesByIndex(said)
  const outcomeFor = (recipient: Recipient): Outcome => ({
    index: recipient.index,
    address: recipient.address,
    mailbox: recipient.path.mailbox,
    ...toldTo(recipient, replyTo.get(recipient.index), said.judges),
  })
  return {
    replies: said.replies,
    outcomes: throughOf(transaction).map(outcomeFor),
    judgedAnyway: anywayOf(transaction).map(outcomeFor),
  }
}

/** Parcels, and what the backend said to each. */
interface Said {
  readonly parcels: readonly Parcel[]
  readonly replies: readonly ParcelReply[]
  /** `last_word: backend`: its reply is the verdict. */
  readonly judges: boolean
}

/**
 * Rule 1: 2yz only where the backend has taken the message for this recipient, now or on an earlier
 * attempt, or a judge wants it thrown away.
 */
function toldTo(recipient: Recipient, reply: Reply | undefined, judges: boolean): OwnAnswer {
  if (recipient.memory?.state === 'delivered')
    return { reply: replies.alreadyDelivered, reason: reason('delivered before') }
  if (reply === undefined) return withheld(recipient)
  const byVerdict = isPositive(reply) && !judges
  return {
    reply: forClient(reply, replies.ok),
    reason: byVerdict ? recipient.reason : reason('backend at text'),
  }
}

type OwnAnswer = Pick<Outcome, 'reply' | 'reason'>

/** The backend's words by the recipient's index; nothing for whom it was not given the text. */
function repliesByIndex({ parcels, replies: all }: Said): ReadonlyMap<number, Reply> {
  const replyTo = new Map<number, Reply>()
  for (const [n, { recipients }] of parcels.entries()) {
    const result = all[n]
    if (result === undefined) continue
    for (const index of recipients) replyTo.set(index, result.own.get(index) ?? result.reply)
  }
  return replyTo
}

/** The verdict that the backend's reply amounts to. */
export function markResults(transaction: Transaction, said: Said): void {
  const replyTo = repliesByIndex(said)
  const takenWith = takingWith()
  for (const recipient of [...throughOf(transaction), ...anywayOf(transaction)]) {
    if (recipient.memory?.state === 'delivered') {
      recipient.duplicate = true
      continue
    }
    const reply = replyTo.get(recipient.index)
    if (reply === undefined) continue
    if (isPermanent(reply)) recipient.verdict = 'reject'
    else if (!isPositive(reply)) recipient.verdict = 'defer'
    else {
      if (said.judges) recipient.verdict = 'accept'
      recipient.taken = takenWith(reply)
    }
  }
}

/** All whom one reply is about were taken with it. */
function takingWith(): (reply: Reply) => Taken {
  let last: Reply | undefined
  let taken: Taken = {}
  return (reply) => {
    if (reply !== last) taken = known({ queueId: queueIdIn(describeReply(reply)) })
    last = reply
    return taken
  }
}

type Taken = NonNullable<Recipient['taken']>

/** The backend never saw the text for this recipient. */
function withheld(recipient: Recipient): OwnAnswer {
  const { memory, concealed, verdict, path, verdictReply, reason: why } = recipient
  // Where it is let through all the same, and a judge that is away wants all to come again, they
  // come again, too.
  if (memory?.state === 'refused' && memory.reply !== undefined && verdict !== 'defer')
    return { reply: memory.reply, reason: refusedBefore(memory) }
  if (concealed !== undefined) return { reply: concealed, reason: reason('concealed') }
  const instead = withheldAs(verdict, path)
  const reply = verdictReply === undefined ? instead : forClient(verdictReply, instead)
  return { reply, reason: why }
}

function withheldAs(verdict: Recipient['verdict'], { mailbox }: Path): Reply {
  if (verdict === 'discard') return replies.ok
  return verdict === 'defer' ? replies.judgeUnavailable : replies.rejected(mailbox)
}
