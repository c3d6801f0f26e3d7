/**
 * `bounce`: when the sender is told of refusals in a report, instead of by a reply that has to do
 * for everyone.
 */
import { mayNotify } from '../dsn/notify.ts'
import { isBinary, type Parameters } from '../smtp/parameters.ts'
import { readable } from '../smtp/octets.ts'
import { isPositive, type Reply } from '../smtp/reply.ts'
import type { Outcome } from '../verdict/answer.ts'
import { refusalsAmong } from '../verdict/reported.ts'
import { differ, type Verdict } from '../verdict/verdict.ts'
import type { Prepared } from '../bounce/bounce.ts'
import type { BounceResult } from '../facts.ts'
import { noteLimit } from './limit.ts'
import type { Session } from './session.ts'
import { type Recipient, servingOf, throughOf, type Transaction } from './transaction.ts'

/** Refused for a sender who wants to hear of it (RFC 3461 4.1). Who doesn't is served leniently. */
export const mayBeReported = (recipient: Recipient): boolean =>
  mayNotify(recipient.parameters.get('NOTIFY'))

/**
 * Asks whether refusals can be reported, where there are any beside others who get the message.
 * True: `bouncePrepared` tells. `wanted`: by those who went through, in their order; with `judge:
 * backend` nobody knows them yet.
 */
export function asksToBounce(
  session: Session,
  transaction: Transaction,
  wanted: readonly Verdict[],
): boolean {
  const { reversePath, parameters, messageId, symbols = [], text } = transaction
  if (transaction.prdr || servingOf(transaction) !== 'bounce' || reversePath.mailbox === '')
    return false
  const through = throughOf(transaction)
  const unknown = session.options.judging === 'backend'
  if (!(unknown ? mayDiffer(through) : differ(wanted))) return false
  if (
    !through.some((recipient, i) => (unknown || wanted[i] === 'reject') && mayBeReported(recipient))
  )
    return false
  const ret = returnedPart(parameters)
  const envelopeId = parameters.get('ENVID')
  session.effects.push({
    do: 'prepareBounce',
    transaction: transaction.id,
    reversePath: { mailbox: reversePath.mailbox, address: reversePath.address },
    international: parameters.has('SMTPUTF8'),
    requireTls: parameters.has('REQUIRETLS'),
    symbols,
    arrivedAt: text?.endedAt ?? transaction.startedAt,
    ...(ret === undefined ? {} : { ret }),
    ...(envelopeId === undefined ? {} : { envelopeId }),
    ...(messageId === undefined ? {} : { messageId }),
  })
  return true
}

/**
 * RET, but for texts that no report may hold: RFC 8689 5 allows the header section alone, and a
 * binary text fits into no report.
 */
const returnedPart = (parameters: Parameters): string | undefined =>
  parameters.has('REQUIRETLS') || isBinary(parameters) ? 'HDRS' : parameters.get('RET')

/** Recipients whom the backend may answer differently. */
export function mayDiffer(through: readonly Recipient[]): boolean {
  const kindOf = ({ group, concealed, memory }: Recipient): string => {
    if (concealed !== undefined) return ''
    return memory?.state === 'refused' || memory?.state === 'delivered' ? memory.state : group
  }
  return new Set(through.map(kindOf)).size > 1
}

export function notePrepared(
  session: Session,
  transaction: Transaction,
  prepared: Prepared,
  at: number,
): void {
  if (prepared.ready) {
    transaction.bounce = { state: 'ready', by: prepared.by }
    return
  }
  transaction.bounce = { state: 'not' }
  if (prepared.why === 'limited') noteLimit(session, 'bounces_per_hour', at)
  note(session, transaction, { result: prepared.why, why: prepared.words }, at)
}

/**
 * True: the report has to be with the backend before the client hears anything, and `reported`
 * tells.
 */
export function reportsFirst(
  session: Session,
  transaction: Transaction,
  outcomes: readonly Outcome[],
): boolean {
  const { bounce, recipients } = transaction
  if (bounce?.state !== 'ready' || transaction.clientGone === 'yes') return false
  const refused = refusalsAmong(outcomes).flatMap(({ index, reply }) => {
    const recipient = recipients[index]
    return recipient === undefined ? [] : [{ recipient, reply }]
  })
  if (refused.length === 0 || !refused.every(({ recipient }) => mayBeReported(recipient)))
    return false
  transaction.bounce = { ...bounce, state: 'reporting' }
  session.effects.push({
    do: 'report',
    refusals: refused.map(({ recipient, reply }) => {
      const originalRecipient = recipient.parameters.get('ORCPT')
      return {
        recipient: readable(recipient.path.mailbox),
        reply,
        ...(originalRecipient === undefined ? {} : { originalRecipient }),
      }
    }),
  })
  return true
}

/** Rule 1: only when the backend has taken the report the refusals are told. */
export function noteReported(
  session: Session,
  transaction: Transaction,
  told: { readonly outcomes: readonly Outcome[]; readonly reply: Reply },
  at: number,
): void {
  const { bounce, recipients } = transaction
  if (bounce?.state !== 'reporting') return
  const { reply, outcomes } = told
  const state = isPositive(reply) ? 'reported' : 'failed'
  transaction.bounce = { ...bounce, state }
  const refused = refusalsAmong(outcomes)
  if (state === 'reported') {
    for (const { index } of refused) {
      const recipient = recipients[index]
      if (recipient !== undefined) recipient.reported = true
    }
  }
  const why = state === 'failed' ? { why: readable(reply.lines.join(' ')) } : {}
  note(
    session,
    transaction,
    { result: state, by: bounce.by, recipients: refused.length, ...why },
    at,
  )
}

interface Noted {
  readonly result: BounceResult
  readonly by?: string
  readonly recipients?: number
  readonly why?: string
}

function note(
  session: Session,
  { id, peer, reversePath }: Transaction,
  noted: Noted,
  at: number,
): void {
  const fact = {
    kind: 'bounce',
    at,
    session: session.id,
    transaction: id,
    peer: peer.name,
    reversePath: reversePath.address,
  } as const
  session.effects.push({ do: 'note', fact: { ...fact, ...noted } })
}
