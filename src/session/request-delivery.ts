/**
 * What the backend is asked to take: one parcel for each distinct result, with what is changed in
 * the text for it.
 */
import { headerDate, receivedField, tagFields, type WrittenField } from '../smtp/headers.ts'
import { type Revision, onTop } from '../message/edits.ts'
import { encodeParameters } from '../smtp/parameters.ts'
import { isPositive } from '../smtp/reply.ts'
import type { Parcel } from '../verdict/parcels.ts'
import type { Report } from './answering.ts'
import type { ParcelOrder } from './effects.ts'
import { intendDeliveries } from './record-deliveries.ts'
import { mailArgument } from './on-mail.ts'
import type { Session } from './session.ts'
import type { Recipient, Transaction } from './transaction.ts'

export interface Ordered {
  readonly parcels: readonly Parcel[]
  readonly report: Report
  /** The text goes to the backend while it comes in. */
  readonly streaming: boolean
}

export function requestDelivery(
  session: Session,
  transaction: Transaction,
  ordered: Ordered,
): void {
  const { recipients } = transaction
  const trace = session.options.receivedHeader ? traceField(session, transaction) : []
  const parcels = ordered.parcels.map((parcel): ParcelOrder => {
    const members: Recipient[] = []
    for (const index of parcel.recipients) if (recipients[index]) members.push(recipients[index])
    const tag = tagOf(parcel, members)
    const redirected = parcel.result === 'quarantined'
    return {
      result: parcel.result,
      redirected,
      edits: withOnTop(parcel.revision, tag.length === 0 ? trace : [...trace, ...tag]),
      recipients: members.map(({ index, path, parameters }) => ({
        index,
        argument: redirected
          ? `<${session.options.quarantine ?? ''}>`
          : `<${path.mailbox}>${encodeParameters(parameters)}`,
      })),
    }
  })
  if (!ordered.streaming) intendDeliveries(session, transaction, ordered)
  const shown: number[] = []
  for (const { index, shown: reply } of recipients)
    if (reply !== undefined && isPositive(reply)) shown.push(index)
  session.effects.push({
    do: 'deliver',
    parcels,
    mail: mailArgument(transaction),
    shown,
    streaming: ordered.streaming,
  })
}

/** Ours stand above what anybody else has written (decision 30). */
const withOnTop = (revision: Revision, fields: readonly WrittenField[]): Revision =>
  fields.length === 0 ? revision : [...revision, [onTop(fields)]]

function tagOf(parcel: Parcel, members: readonly Recipient[]): readonly WrittenField[] {
  if (parcel.result === 'plain') return []
  const quarantined = parcel.result === 'quarantined'
  return tagFields({
    verdict: quarantined ? 'quarantine' : 'tag',
    score: parcel.score ?? 0,
    recipients: quarantined ? members.map((member) => member.path.mailbox) : [],
  })
}

function traceField(session: Session, transaction: Transaction): readonly WrittenField[] {
  if (!('hello' in session.state)) return []
  const { verb } = session.state.hello
  const base = transaction.parameters.has('SMTPUTF8')
    ? 'UTF8SMTP'
    : verb === 'EHLO'
      ? 'ESMTP'
      : 'SMTP'
  return [
    receivedField({
      helo: session.helo,
      address: session.client.address,
      hostname: session.options.hostname,
      protocol: session.secured ? `${base}S` : base,
      id: transaction.id,
      date: headerDate(session.at),
    }),
  ]
}
