/** The end of a transaction: its fact, whole. Every recipient is accounted for here. */
import type {
  JudgedFact,
  RecipientFact,
  TransactionFact,
  TransactionOutcome,
} from '../facts/transaction.ts'
import { readable } from '../smtp/octets.ts'
import { describeReply, isPermanent, isPositive, type Reply } from '../smtp/reply.ts'
import { type Reason, reason } from '../verdict/reason.ts'
import {
  type Finding,
  type Findings,
  noFindings,
  resultOf,
  scoreOf,
  symbolsOf,
} from '../verdict/judgement.ts'
import { wantedOf } from '../verdict/wanted.ts'
import { learnable } from './attempt.ts'
import { type Made, nothingMade } from './made.ts'
import { observes } from './observe.ts'
import { recordAbort } from './record-attempt.ts'
import { messageOf } from './own-words.ts'
import type { Session } from './session.ts'
import { belongs, servingOf, type Transaction } from './transaction.ts'
import { known } from '../known.ts'

/** RSET, EHLO, QUIT or a lost client before the text was answered, or we have ended it. */
export function abortTransaction(
  session: Session,
  transaction: Transaction,
  { trouble, made }: Pick<Unanswered, 'trouble' | 'made'>,
): void {
  for (const recipient of transaction.recipients)
    if (recipient.fate === 'through') recipient.reason = reason('ended early')
  recordAbort(session, transaction, { trouble })
  noteTransaction(session, transaction, { outcome: 'aborted', made })
}

/** `trouble`: it was our own, the disk or the time, and says nothing about the sender (rule 5). */
export interface Unanswered {
  readonly reply: Reply
  /** Of everyone who went through. */
  readonly why: Reason
  readonly trouble: boolean
  readonly made: Made
}

/**
 * The text was refused for its form, or could not be kept or judged, or there was nobody to take
 * it.
 */
export function concludeWithoutAnswer(
  session: Session,
  transaction: Transaction,
  { reply, why, trouble, made }: Unanswered,
): void {
  transaction.lastReply = reply
  for (const recipient of transaction.recipients) {
    if (recipient.fate !== 'through') continue
    recipient.lastReply = reply
    recipient.reason = why
    recipient.final = isPermanent(reply)
  }
  recordAbort(session, transaction, { trouble })
  noteTransaction(session, transaction, { outcome: outcomeOf(reply), made })
}

export function concludeRefusedMail(session: Session, transaction: Transaction): void {
  const { lastReply } = transaction
  const outcome = lastReply === undefined ? 'aborted' : outcomeOf(lastReply)
  noteTransaction(session, transaction, { outcome, made: nothingMade })
}

export function outcomeOf(reply: Reply): TransactionOutcome {
  if (isPositive(reply)) return 'accepted'
  return isPermanent(reply) ? 'refused' : 'deferred'
}

export interface Ended {
  readonly outcome: TransactionOutcome
  readonly made: Made
}

export function noteTransaction(
  session: Session,
  transaction: Transaction,
  { outcome, made: { text, judged, deliveries } }: Ended,
): void {
  const { split, peer, reversePath, lastReply, startedAt } = transaction
  const { unsplit, messageId, deferredByJudge } = transaction
  const findings = judged?.findings ?? noFindings
  const counted = split?.deliveriesOnly === true || !belongs(transaction) ? undefined : split
  const groups = new Map<string, number>()
  const { address, port, rdns, local } = session.client
  const recipients = transaction.recipients.map((recipient) =>
    recipientFact(recipient, transaction, { groups, findings }),
  )
  const { vouched, chosen, cameBack, shadow } = learnable(session, transaction, {
    recipients,
    textSeen: text !== undefined,
  })
  // All that there may be, so that all facts have one shape.
  const fact: TransactionFact = {
    kind: 'transactionEnded',
    at: session.at,
    session: session.id,
    transaction: transaction.id,
    peer: peer.name,
    client: { address, port, helo: readable(session.helo), tls: session.secured, rdns, local },
    reversePath: reversePath.address,
    recipients,
    mode: transaction.prdr ? 'prdr' : counted === undefined ? 'plain' : 'split',
    outcome,
    strategy: servingOf(transaction),
    observed: observes(session) ? transaction.observed === true : undefined,
    sizeBytes: text?.sizeBytes ?? 0,
    deliveries,
    judges: findings.all.length === 0 ? undefined : findings.all.map(judgedFact),
    ms: session.at - startedAt,
    vouched,
    chosen,
    cameBack,
    shadow,
    guess: guessOf(transaction),
    unsplit,
    messageId,
    score: scoreOf(findings),
    symbols: symbolsOf(findings),
    deferredByJudge,
    reply: lastReply && describeReply(lastReply),
    split: counted?.id,
    splitOf: counted && { peer: counted.peer, strategy: counted.strategy },
    textMs: text && text.endedAt - startedAt,
    judgedMs: judged && judged.judgedAt - startedAt,
  }
  session.effects.push({ do: 'note', fact })
}

function guessOf({ recipients, taken, returned }: Transaction): TransactionFact['guess'] {
  if (!recipients.some(({ byGuess }) => byGuess === true)) return undefined
  if (taken === 'mistaken') return 'wrong'
  return returned === undefined ? 'untold' : 'right'
}

function judgedFact({ judge, judgement }: Finding): JudgedFact {
  const result = resultOf(judgement)
  if (judgement.kind !== 'judged') return { judge, result, ...known({ why: judgement.why }) }
  const { score, symbols } = judgement
  return { judge, result, ...known({ score }), ...(symbols.length > 0 && { symbols }) }
}

interface Counted {
  /** Numbers of the groups, as they are met. */
  readonly groups: Map<string, number>
  readonly findings: Findings
}

function recipientFact(
  recipient: Transaction['recipients'][number],
  transaction: Transaction,
  { groups, findings }: Counted,
): RecipientFact {
  const { fate, policy, lastReply, group, taken } = recipient
  const returnedAfterMs = belongs(transaction) ? recipient.returnedAfterMs : undefined
  // Also of who did not hear of it this time: what other strategies would have cost is counted by
  // it.
  const wanted =
    fate === 'deferred' && policy !== undefined && scoreOf(findings) !== undefined
      ? wantedOf(findings, recipient, messageOf(transaction)).verdict
      : undefined
  if (group !== '' && !groups.has(group)) groups.set(group, groups.size + 1)
  return {
    address: recipient.path.address,
    fate: fate === 'asked' || fate === 'considered' ? 'postponed' : fate,
    reason: recipient.reason,
    final: recipient.final,
    policy: policy?.name,
    group: groups.get(group),
    verdict: recipient.verdict ?? wanted,
    reply: lastReply && describeReply(lastReply),
    taken,
    duplicate: recipient.duplicate || undefined,
    reported: recipient.reported,
    returnedAfterMs,
  }
}
