/**
 * `bounce`: when the sender is told of refusals in a report, instead of by a reply that has to do
 * for everyone.
 */
import { mayNotify } from '../dsn/notify.ts'
import type { Refusal } from '../dsn/report.ts'
import { isBinary, type Parameters } from '../smtp/parameters.ts'
import { readable } from '../smtp/octets.ts'
import { isPositive, type Reply } from '../smtp/reply.ts'
import type { Outcome } from '../verdict/answer.ts'
import { symbolsOf } from '../verdict/judgement.ts'
import { refusalsAmong } from '../verdict/reported.ts'
import { differ, type Verdict } from '../verdict/verdict.ts'
import type { Prepared } from '../bounce/bounce.ts'
import type { BounceResult } from '../facts/bounces.ts'
import { noteLimit } from './limit.ts'
import { type Delivering, type Judged, noReport, type Report, type Reporting } from './answering.ts'
import type { Answering, Session } from './session.ts'
import { type Recipient, servingOf, throughOf, type Transaction } from './transaction.ts'
import { known } from '../known.ts'

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
  { findings, endedAt }: Judged,
  wanted: readonly Verdict[],
): boolean {
  const { reversePath, parameters, messageId } = transaction
  if (transaction.prdr || servingOf(transaction) !== 'bounce' || reversePath.mailbox === '')
    return false
  const through = throughOf(transaction)
  const unknown = session.options.lastWord === 'backend'
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
    symbols: symbolsOf(findings) ?? [],
    arrivedAt: endedAt,
    ...known({ ret, envelopeId, messageId }),
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

/** With which vouching the report can be made, if it can. */
export function reportIf(session: Session, transaction: Transaction, prepared: Prepared): Report {
  if (prepared.ready) return { kind: 'ready', by: prepared.by }
  if (prepared.why === 'limited') noteLimit(session, 'bounces_per_hour')
  note(session, transaction, { result: prepared.why, why: prepared.words })
  return noReport
}

/**
 * What the report says, which has to be with the backend before the client hears anything; empty
 * where there is none to make.
 */
export function refusalsToReport(
  { recipients }: Transaction,
  { report, client }: Delivering,
  outcomes: readonly Outcome[],
): readonly Refusal[] {
  if (report.kind !== 'ready' || client === 'gone') return []
  const refused = refusalsAmong(outcomes).flatMap(({ index, reply }) => {
    const recipient = recipients[index]
    return recipient === undefined ? [] : [{ recipient, reply }]
  })
  if (!refused.every(({ recipient }) => mayBeReported(recipient))) return []
  return refused.map(({ recipient, reply }): Refusal => {
    const originalRecipient = recipient.parameters.get('ORCPT')
    return {
      recipient: readable(recipient.path.mailbox),
      reply,
      ...known({ originalRecipient }),
    }
  })
}

/** Rule 1: only when the backend has taken the report the refusals are told. True: it has. */
export function noteReported(
  session: Session,
  { transaction, step: { by, results } }: Answering<Reporting>,
  reply: Reply,
): boolean {
  const taken = isPositive(reply)
  const refused = refusalsAmong(results.outcomes)
  if (taken) {
    for (const { index } of refused) {
      const recipient = transaction.recipients[index]
      if (recipient !== undefined) recipient.reported = true
    }
  }
  const why = taken ? {} : { why: readable(reply.lines.join(' ')) }
  const result = taken ? 'reported' : 'failed'
  note(session, transaction, { result, by, recipients: refused.length, ...why })
  return taken
}

interface Noted {
  readonly result: BounceResult
  readonly by?: string
  readonly recipients?: number
  readonly why?: string
}

function note(session: Session, { id, peer, reversePath }: Transaction, noted: Noted): void {
  const fact = {
    kind: 'bounce',
    at: session.at,
    session: session.id,
    transaction: id,
    peer: peer.name,
    reversePath: reversePath.address,
  } as const
  session.effects.push({ do: 'note', fact: { ...fact, ...noted } })
}
