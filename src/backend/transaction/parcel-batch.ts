/**
 * Parcels that a server answers recipient by recipient go in one transaction, and what it says is
 * told parcel by parcel. Pure.
 */
import { sameRevision } from '../../message/edits.ts'
import { isPositive, type Reply, replyClass } from '../../smtp/reply.ts'
import { replies } from '../../smtp/replies.ts'
import type { DeliveryOrder } from '../backend.ts'
import { isFailed } from '../wire/command-reply.ts'
import type { TextAnswer } from '../wire/text-answer.ts'

export type Parcel = DeliveryOrder['parcels'][number]

/** What became of a parcel: `reply`, and for recipients with another answer their own. */
export interface ParcelAnswer {
  readonly reply: Reply
  readonly own: ReadonlyMap<number, Reply>
}

const nobody: ReadonlyMap<number, Reply> = new Map()
export const sameForAll = (reply: Reply): ParcelAnswer => ({ reply, own: nobody })

/**
 * From `first` on, the parcels that can be one transaction: the same octets to the recipients that
 * the client named.
 */
export function takeBatch(
  parcels: readonly Parcel[],
  first: number,
  answersEach: boolean,
): readonly Parcel[] {
  const [one] = parcels.slice(first)
  if (one === undefined || one.redirected || !answersEach) return parcels.slice(first, first + 1)
  const other = parcels.findIndex(
    (parcel, i) => i > first && (parcel.redirected || !sameRevision(parcel.edits, one.edits)),
  )
  return parcels.slice(first, other === -1 ? parcels.length : other)
}

/** Several parcels as one, recipients in the order of RCPT. */
export function mergeParcels(batch: readonly Parcel[]): Parcel | undefined {
  const [one] = batch
  if (one === undefined || batch.length === 1) return one
  const recipients = batch.flatMap((parcel) => parcel.recipients).sort((a, b) => a.index - b.index)
  return { ...one, recipients }
}

/** What one parcel of a batch is told. */
export function answerOf(parcel: Parcel, batch: ParcelAnswer): ParcelAnswer {
  if (batch.own.size === 0) return batch
  const own = new Map<number, Reply>()
  for (const { index } of parcel.recipients) {
    const reply = batch.own.get(index)
    if (reply !== undefined) own.set(index, reply)
  }
  return {
    reply:
      own.size < parcel.recipients.length ? batch.reply : speaker([...own.values()], batch.reply),
    own,
  }
}

/**
 * The one that speaks for all where there has to be one, for the log: a yes if anyone was told so.
 */
const speaker = (said: readonly Reply[], otherwise: Reply): Reply =>
  said.find(isPositive) ?? said[0] ?? otherwise

/**
 * What a server's answer to the text means for `recipients`, by index in the order of their RCPT.
 * `refused` had their answer before the text. An answer that did not come is no yes and no no;
 * those that came before it stay (RFC 2033 4.2).
 */
export function readAnswer(
  answer: TextAnswer,
  recipients: readonly number[],
  refused = nobody,
): ParcelAnswer {
  if ('unclear' in answer) return { reply: replies.backendNonsense, own: refused }
  if ('all' in answer) return { reply: textReply(answer.all), own: refused }
  const own = new Map(refused)
  const said = answer.each.map(textReply)
  recipients.forEach((index, i) => own.set(index, said[i] ?? replies.backendLost))
  return { reply: speaker(said, replies.backendLost), own }
}

function textReply(reply: Extract<TextAnswer, { all: unknown }>['all']): Reply {
  if (isFailed(reply)) return replies.backendLost
  return replyClass(reply) === 3 ? replies.backendNonsense : reply
}

/** Why an answer, or a part of it, did not come. */
export function lostIn(answer: TextAnswer): string | undefined {
  if ('unclear' in answer) return undefined
  return ('all' in answer ? [answer.all] : answer.each).find(isFailed)?.failed
}

/** A reply that has no place here: the server and we are out of step. */
export function outOfStep(answer: TextAnswer): string | undefined {
  if ('unclear' in answer) return answer.unclear
  const replied = 'all' in answer ? [answer.all] : answer.each
  return replied.some((one) => !isFailed(one) && replyClass(one) === 3)
    ? '3yz to a text'
    : undefined
}
