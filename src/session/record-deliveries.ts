/**
 * Deliveries ahead of the reply: in the ledger before the backend is told to commit, and confirmed
 * as soon as its answer is known. After a crash everyone who is known to have the message is
 * acknowledged without a second delivery; only whom the backend took it for in the instant of the
 * crash may get it twice (rule 6).
 */
import {
  answerRecipients,
  closeIfDone,
  intendDelivery,
  nextVersion,
  oweAcknowledgement,
  settleDelivery,
  wasAcknowledgedSince,
} from '../split/split-course.ts'
import type { Deliverer } from '../split/split.ts'
import { isPositive } from '../smtp/reply.ts'
import type { Parcel } from '../verdict/parcels.ts'
import type { Delivering, Report } from './answering.ts'
import type { ParcelReply } from './effects.ts'
import type { Outcome } from '../verdict/answer.ts'
import { beginSplit, identify, noteClosed, saveSplit } from './record-split.ts'
import { recordAbort } from './record-attempt.ts'
import type { Answering, Session } from './session.ts'
import { deliveredAnyway, splittingOf, throughOf, type Transaction } from './transaction.ts'

interface Ahead {
  readonly parcels: readonly Parcel[]
  readonly report: Report
}

/** Before the backend gets the first of these parcels. */
export function intendDeliveries(session: Session, transaction: Transaction, ahead: Ahead): void {
  if (areAhead(transaction, ahead)) intend(session, transaction, ahead.parcels)
}

/**
 * The client has gone, or may have, before the backend has answered: its next attempt may come
 * before the outcome is known.
 */
export function intendUnheard(
  session: Session,
  transaction: Transaction,
  parcels: readonly Parcel[],
): void {
  const { crowded, split, intended } = transaction
  // whoever leaves on purpose could open any number
  if (crowded !== undefined && split === undefined) return
  if (intended.length === 0) intend(session, transaction, parcels)
}

function intend(session: Session, transaction: Transaction, parcels: readonly Parcel[]): void {
  const identity = identify(session, transaction)
  if (identity === undefined) return
  transaction.split ??= {
    ...beginSplit(session, transaction, 'deliveries only'),
    ...identity,
  }
  const members = parcels.flatMap((parcel) => [...membersOf(transaction, parcel).values()])
  transaction.split = intendDelivery(transaction.split, members, deliverer(session))
  transaction.intended = members
  saveSplit(session, transaction)
}

const deliverer = ({ options, at }: Session): Deliverer => ({
  process: options.deliverer.process,
  until: at + options.deliverer.answerMs,
})

/**
 * Will somebody have the message before the sender hears of it? With one parcel for everyone the
 * reply follows at once.
 */
function areAhead(transaction: Transaction, { parcels, report }: Ahead): boolean {
  if (parcels.length > 1 || deliveredAnyway(transaction).length > 0) return true
  if (splittingOf(transaction) === undefined && report.kind !== 'ready') return false
  const through = throughOf(transaction)
  if (parcels[0]?.recipients.length === through.length) return false
  const takes = new Set(parcels.flatMap((parcel) => parcel.recipients))
  return through.some(({ index, memory }) => !takes.has(index) && memory?.state !== 'delivered')
}

/**
 * One of the parcels was answered. What the last one adds is written with the answer to the client.
 */
export function confirmDelivery(
  session: Session,
  { transaction, step }: Answering<Delivering>,
  { parcel: number, result }: { readonly parcel: number; readonly result: ParcelReply },
): void {
  const parcel = step.parcels[number]
  const { intended, split } = transaction
  if (intended.length === 0 || split === undefined || parcel === undefined) return
  const members = membersOf(transaction, parcel)
  const taken = new Set<string>()
  for (const [index, address] of members)
    if (isPositive(result.own.get(index) ?? result.reply)) taken.add(address)
  transaction.split = settleDelivery(split, [...members.values()], taken)
  // The reply does not follow at once where a report goes before it.
  const last = number + 1 === step.parcels.length && step.report.kind !== 'ready'
  if (taken.size > 0 && !last) saveSplit(session, transaction)
}

/**
 * The client has gone, and nobody hears the answer: who has the message, for its next attempt (RFC
 * 1047). What was refused is judged again then.
 */
export function recordUnheard(
  session: Session,
  transaction: Transaction,
  taken: readonly Outcome[],
): void {
  const { identity } = transaction
  const addresses = taken
    .map(({ address }) => address)
    .filter((one) => !wasAcknowledgedSince(transaction.split, one, transaction.startedAt))
  const keeps = addresses.length > 0 && transaction.crowded === undefined
  if (identity !== undefined && (keeps || transaction.split !== undefined)) {
    const split = transaction.split ?? {
      ...beginSplit(session, transaction, 'deliveries only'),
      ...identity,
    }
    transaction.split = oweAcknowledgement(split, addresses)
  }
  recordAbort(session, transaction, { trouble: true, unheard: true })
}

/** The 250 was heard after all: nobody will come again for it. */
export function recordHeard(session: Session): void {
  const { unheard } = session
  delete session.unheard
  if (unheard === undefined) return
  const { split, recipients } = unheard
  const heard = nextVersion(
    closeIfDone(answerRecipients(split, recipients, new Set(recipients)), session.at),
  )
  session.effects.push({ do: 'save', split: heard })
  noteClosed(session, heard)
}

/** Addresses of a parcel's recipients by their index. */
function membersOf({ recipients }: Transaction, parcel: Parcel): ReadonlyMap<number, string> {
  return new Map(parcel.recipients.map((index) => [index, recipients[index]?.address ?? '']))
}
