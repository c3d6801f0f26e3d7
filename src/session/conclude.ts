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
  const { split, peer, reversePath, lastReply, unsplit, messageId, startedAt } = transaction
  const { deferredByJudge } = transaction
  const findings = judged?.findings ?? noFindings
  const score = scoreOf(findings)
  const symbols = symbolsOf(findings)
  const counted = split?.deliveriesOnly === true || !belongs(transaction) ? undefined : split
  const groups = new Map<string, number>()
  const { address, port, rdns, local } = session.client
  const recipients = transaction.recipients.map((recipient) =>
    recipientFact(recipient, transaction, { groups, findings }),
  )
  const guess = guessOf(transaction)
  const fact: TransactionFact = {
    kind: 'transactionEnded',
    at: session.at,
    session: session.id,
    transaction: transaction.id,
    peer: peer.name,
    client: {
      address,
      port,
      helo: readable(session.helo),
      tls: session.secured,
      ...known({ rdns, local }),
    },
    reversePath: reversePath.address,
    recipients,
    mode: transaction.prdr ? 'prdr' : counted === undefined ? 'plain' : 'split',
    outcome,
    strategy: servingOf(transaction),
    ...(observes(session) && { observed: transaction.observed === true }),
    sizeBytes: text?.sizeBytes ?? 0,
    deliveries,
    ...(findings.all.length === 0 ? {} : { judges: findings.all.map(judgedFact) }),
    ms: session.at - startedAt,
    ...learnable(session, transaction, { recipients, textSeen: text !== undefined }),
    ...known({ guess, unsplit, messageId, score, symbols, deferredByJudge }),
    ...(lastReply === undefined ? {} : { reply: describeReply(lastReply) }),
    ...(counted === undefined
      ? {}
      : { split: counted.id, splitOf: { peer: counted.peer, strategy: counted.strategy } }),
    ...(text === undefined ? {} : { textMs: text.endedAt - startedAt }),
    ...(judged === undefined ? {} : { judgedMs: judged.judgedAt - startedAt }),
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
  const verdict = recipient.verdict ?? wanted
  if (group !== '' && !groups.has(group)) groups.set(group, groups.size + 1)
  const number = groups.get(group)
  const fact: { -readonly [Name in keyof RecipientFact]: RecipientFact[Name] } = {
    address: recipient.path.address,
    fate: fate === 'asked' || fate === 'considered' ? 'postponed' : fate,
    reason: recipient.reason,
    final: recipient.final,
  }
  if (policy !== undefined) fact.policy = policy.name
  if (number !== undefined) fact.group = number
  if (verdict !== undefined) fact.verdict = verdict
  if (lastReply !== undefined) fact.reply = describeReply(lastReply)
  if (taken !== undefined) fact.taken = taken
  if (recipient.duplicate) fact.duplicate = true
  if (recipient.reported === true) fact.reported = true
  if (returnedAfterMs !== undefined) fact.returnedAfterMs = returnedAfterMs
  return fact
}
