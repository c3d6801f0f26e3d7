/** What judges are told of a message when its text begins to come. */
import type { JudgedEnvelope, JudgedRecipient } from '../judge/judge.ts'
import { octetsOf } from '../smtp/octets.ts'
import type { Policy } from '../verdict/policy.ts'
import { hasLists } from '../verdict/sender-lists.ts'
import type { Verdict } from '../verdict/verdict.ts'
import type { Session } from './session.ts'
import {
  deliveredAnyway,
  offeredIn,
  type Recipient,
  throughOf,
  type Transaction,
} from './transaction.ts'
import type { Draft } from '../known.ts'

function despiteOf({ neverReject, noGreylisting }: Policy): Pick<JudgedRecipient, 'despite'> {
  if (neverReject !== true && noGreylisting !== true) return {}
  const despite: Verdict[] = [
    ...(neverReject === true ? (['reject', 'discard'] as const) : []),
    ...(noGreylisting === true ? (['defer'] as const) : []),
  ]
  return { despite }
}

/**
 * Nobody is among its recipients who was refused, postponed or deferred: they don't get this text.
 */
export function judgedEnvelope(session: Session, transaction: Transaction): JudgedEnvelope {
  const { address, port, rdns, local } = session.client
  const { split, presumed } = transaction
  const { firstRecipients = offeredIn(transaction) } = (presumed ? split : undefined) ?? {}
  // Nobody knows how a client came to the proxy that speaks for it (XCLIENT).
  const tls = address === session.connectedFrom ? session.tls : undefined
  const client = { address, port, helo: session.helo }
  const envelope: Draft<JudgedEnvelope> = {
    id: transaction.id,
    client: rdns === undefined ? client : { ...client, name: rdns },
    authenticated: session.authenticated,
    reversePath: octetsOf(transaction.reversePath.address),
    parameters: transaction.parameters,
    recipients: recipientsOf(transaction),
    firstRecipients: firstRecipients.map(octetsOf),
    hostname: session.options.hostname,
  }
  if (tls !== undefined) envelope.tls = tls
  if (local !== undefined) envelope.local = local
  if (transaction.recipients.some(({ policy }) => asksForAuthor(policy)))
    envelope.wantsAuthor = true
  return envelope
}

export const asksForAuthor = (policy: Policy | undefined): boolean =>
  policy !== undefined && (policy.several?.of ?? [policy]).some(hasLists)

function recipientsOf(transaction: Transaction): readonly JudgedRecipient[] {
  const recipients: JudgedRecipient[] = []
  for (const recipient of throughOf(transaction))
    if (recipient.concealed === undefined) recipients.push(judgedRecipient(recipient))
  for (const recipient of deliveredAnyway(transaction)) recipients.push(judgedRecipient(recipient))
  return recipients
}

const judgedRecipient = ({ index, path, group, policy }: Recipient): JudgedRecipient =>
  judgedAs({ index, address: path.address, group }, policy)

export function judgedAs(
  { index, address: text, group }: Pick<JudgedRecipient, 'index' | 'address' | 'group'>,
  policy: Policy | undefined,
): JudgedRecipient {
  const address = octetsOf(text)
  return policy === undefined
    ? { index, address, group }
    : { index, address, group, policy: policy.name, ...despiteOf(policy) }
}
