/** What the replies of the backend, and verdicts before it, mean for each recipient. */
import type { Path } from '../smtp/path.ts'
import { isPermanent, isPositive, ofLastReply, type Reply } from '../smtp/reply.ts'
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
  const { replyTo } = said
  const outcomeFor = (recipient: Recipient): Outcome => {
    const { index, address, path } = recipient
    const { reply, reason: why } = toldTo(recipient, replyTo[index], said.judges)
    return { index, address, mailbox: path.mailbox, reply, reason: why }
  }
  return {
    replies: said.replies,
    outcomes: throughOf(transaction).map(outcomeFor),
    judgedAnyway: anywayOf(transaction).map(outcomeFor),
  }
}

/** What the backend said. */
export interface Said {
  /** To each parcel. */
  readonly replies: readonly ParcelReply[]
  /** By the recipient's index; nothing for whom it was not given the text. */
  readonly replyTo: readonly (Reply | undefined)[]
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

export function repliesByIndex(
  parcels: readonly Parcel[],
  replies: readonly ParcelReply[],
): Said['replyTo'] {
  const replyTo: (Reply | undefined)[] = []
  parcels.forEach(({ recipients }, n) => {
    const result = replies[n]
    if (result === undefined) return
    for (const index of recipients) replyTo[index] = result.own.get(index) ?? result.reply
  })
  return replyTo
}

/** The verdict that the backend's reply amounts to. */
export function markResults(transaction: Transaction, said: Said): void {
  const anyway = anywayOf(transaction)
  const through = throughOf(transaction)
  for (const recipient of anyway.length === 0 ? through : [...through, ...anyway]) {
    if (recipient.memory?.state === 'delivered') {
      recipient.duplicate = true
      continue
    }
    const reply = said.replyTo[recipient.index]
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
const takenWith = ofLastReply((reply): NonNullable<Recipient['taken']> =>
  known({ queueId: queueIdIn(reply) }),
)

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
