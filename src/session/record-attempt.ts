/**
 * What the end of a transaction means for the ledger: how its split stands after the answer, and
 * what other splits need not wait for any more.
 */
import {
  answerRecipients,
  closeIfDone,
  countAsSplit,
  endAttempt,
  expectRecipients,
  isOpen,
  keepDeliveries,
  keepJudged,
  keepRefusals,
  nextVersion,
  oweAcknowledgement,
  settleDelivery,
  stateOf,
  wasAcknowledgedSince,
} from '../split/split-course.ts'
import { inOfferedOrder } from '../split/split-return.ts'
import type { Split } from '../split/split.ts'
import { isPermanent, isPositive } from '../smtp/reply.ts'
import type { Answer, Outcome } from '../verdict/answer.ts'
import { isPutOff } from '../verdict/reason.ts'
import { attemptOf } from './attempt.ts'
import type { Presence } from './answering.ts'
import { withOutcomes } from './outcomes.ts'
import type { Session } from './session.ts'
import {
  isCertain,
  offeredIn,
  type Recipient,
  splittingOf,
  throughOf,
  type Transaction,
} from './transaction.ts'
import {
  addresses,
  beginSplit,
  identify,
  noteClosed,
  noteOpened,
  saveSplit,
} from './record-split.ts'

/**
 * Who was refused at RCPT never comes back, in no message of this sender: other splits need not
 * wait for them, also where no text told which of the splits this message belongs to.
 */
function recordRefused(session: Session, transaction: Transaction): void {
  const refused = addresses(
    transaction.recipients.filter(
      // A message that is too large says nothing of others.
      ({ fate, shown, reason }) =>
        fate === 'refused' && shown !== undefined && reason.because !== 'max_size',
    ),
  )
  if (refused.length === 0) return
  for (const other of transaction.recalled.values()) {
    // Who has that message, or may get it at this moment, is refused for this one alone: a mailbox
    // that is full now.
    const gone = new Set(
      refused.filter((address) =>
        ['waiting', 'refused'].includes(stateOf(other, address)?.state ?? ''),
      ),
    )
    if (other.id === transaction.split?.id || gone.size === 0) continue
    const offered = transaction.recipients.filter(({ address }) => gone.has(address))
    const answeredOnes = answerRecipients(other, [...gone])
    const split = withOutcomes(answeredOnes, transaction, offered, session.at)
    const answered = nextVersion(closeIfDone(split, session.at))
    session.effects.push({ do: 'save', split: answered })
    noteClosed(session, answered)
  }
}

export interface AnswerGiven {
  readonly answer: Answer
  /** What became of those whom the text was delivered to although they were deferred. */
  readonly judgedAnyway: readonly Outcome[]
  readonly client: Presence
}

/**
 * After the answer: who is done, who is owed what. Begins a split where the answer left something
 * to keep.
 */
export function recordAnswer(
  session: Session,
  transaction: Transaction,
  { answer, judgedAnyway, client }: AnswerGiven,
): void {
  recordRefused(session, transaction)
  const keeps = answer.refusalsKept.length > 0 || answer.deliveredUnsaid.length > 0
  if (transaction.split === undefined) {
    const identity = keeps ? identify(session, transaction) : undefined
    if (identity === undefined) return
    transaction.split = { ...beginSplit(session, transaction), ...identity }
  }
  let split = transaction.split
  const judged = judgedAnyway.filter(({ reply }) => isPositive(reply) || isPermanent(reply))
  const before = split
  const progress =
    answer.final.length > 0 ||
    judged.length > 0 ||
    answer.refusalsKept.some(({ address }) => stateOf(before, address)?.state !== 'refused') ||
    answer.deliveredUnsaid.some(({ index }) => transaction.recipients[index]?.duplicate !== true)
  const refusals = new Map(answer.refusalsKept.map(({ address, reply }) => [address, reply]))
  split = keepRefusals(split, refusals, session.at)
  split = keepDeliveries(split, addresses(answer.deliveredUnsaid), session.at)
  split = keepJudged(
    split,
    new Map(judged.map(({ address, reply }) => [address, isPositive(reply) ? undefined : reply])),
  )
  const taking = answer.final.filter(({ reply }) => isPositive(reply))
  split = answerRecipients(split, addresses(answer.final), new Set(addresses(taking)))
  const unheard = unheardOf(transaction, client, taking).filter(
    (address) => !wasAcknowledgedSince(transaction.split, address, transaction.startedAt),
  )
  if (unheard.length > 0) split = oweAcknowledgement(split, unheard)
  transaction.split = split
  const concluded = new Set(
    [...answer.final, ...answer.refusalsKept, ...answer.deliveredUnsaid].map(({ index }) => index),
  )
  // The backend's own 4yz, greylisting for one, is no sign of a sender that can't be split. What a
  // policy puts off may come again for ever, and others wait with it.
  const trouble = throughOf(transaction).some(
    ({ index, reason }) => !concluded.has(index) && !isPutOff(reason),
  )
  finishAttempt(session, transaction, {
    progress,
    trouble,
    forcedRetry: keptBack(transaction, answer),
  })
  if (unheard.length > 0) session.unheard = { split: transaction.split, recipients: unheard }
}

/**
 * Whose 250 may never be heard: everyone's where the client has closed its side. Who is
 * acknowledged by what the ledger remembers is forgotten only once the client goes on, for it has
 * gone without hearing its answer before.
 */
const unheardOf = (
  { recipients }: Transaction,
  client: Presence,
  taking: readonly Outcome[],
): string[] =>
  addresses(
    client === 'maybe gone'
      ? taking
      : taking.filter(({ index }) => recipients[index]?.duplicate === true),
  )

/** Somebody has the message, or is being delivered to. */
const keepsDeliveries = (split: Split): boolean =>
  split.recipients.some(
    ({ state, has }) => state === 'delivered' || state === 'delivering' || has === true,
  )

const keptBack = (transaction: Transaction, answer: Answer): boolean =>
  answer.refusalsKept.length > 0 ||
  transaction.recipients.some((recipient) => recipient.fate === 'deferred') ||
  (answer.deliveredUnsaid.length > 0 &&
    throughOf(transaction).some(({ reason }) => isPutOff(reason)))

type Abort = Pick<AttemptResult, 'trouble' | 'unheard'>

/**
 * The client left before the text was complete, nobody went through, or the text was refused for
 * its form or for `trouble` here.
 */
export function recordAbort(session: Session, transaction: Transaction, end: Abort): void {
  recordRefused(session, transaction)
  if (transaction.split === undefined) return
  const forcedRetry = transaction.recipients.some((recipient) => recipient.fate === 'deferred')
  // Which message it was was never known, and nobody was made to wait or refused for good: it says
  // nothing of this split.
  if (!forcedRetry && !isCertain(transaction) && refusedOf(transaction).length === 0) return
  finishAttempt(session, transaction, { progress: false, forcedRetry, ...end })
}

/** Who waits in the split of this transaction, and was refused at RCPT. */
const refusedOf = ({ recipients, split }: Transaction): Recipient[] =>
  recipients.filter(
    ({ fate, address }) =>
      fate === 'refused' && split !== undefined && isOpen(stateOf(split, address)),
  )

interface AttemptResult {
  readonly progress: boolean
  readonly trouble: boolean
  readonly forcedRetry: boolean
  /** Nobody was told anything. */
  readonly unheard?: boolean
}

const waits = (split: Split, { address }: Recipient): boolean =>
  stateOf(split, address)?.state === 'waiting'

function finishAttempt(session: Session, transaction: Transaction, result: AttemptResult): void {
  if (transaction.split === undefined) return
  const { recipients, split: before } = transaction
  const refusedOnly =
    recipients.length > 0 &&
    recipients.every(
      (recipient) => recipient.fate === 'deferred' && recipient.memory?.state === 'refused',
    )
  const refused = refusedOf(transaction)
  const certain = isCertain(transaction)
  // Who went through without an answer takes part in the message too, and comes back with the
  // others.
  const unanswered = certain
    ? recipients.filter(({ fate, final }) => fate === 'through' && !final)
    : []
  let split = expectRecipients(answerRecipients(before, addresses(refused)), addresses(unanswered))
  // Nothing of this attempt is under way any more: what the backend was asked to take and did not
  // is not there.
  split = settleDelivery(split, transaction.intended, new Set())
  // They have had their answer in another attempt, and this one had nobody to tell.
  if (result.unheard === true && transaction.overtaken === true)
    split = answerRecipients(split, addresses(unanswered.filter((one) => waits(split, one))))
  if (certain) split = keepDeclared(transaction, split)
  // The client left before it had shown its text: nobody knows whether the guess was right
  // (senders: nullmailer).
  else if (transaction.takenFor === split.id) split = { ...split, guessedWrongly: true }
  if (split.deliveriesOnly === true && !result.forcedRetry && !keepsDeliveries(split))
    split = answerRecipients(split, addresses(split.recipients))
  if (split.deliveriesOnly === true && result.forcedRetry) {
    split = countAsSplit(split)
    noteOpened(session, transaction, split)
  }
  if (transaction.identity !== undefined && split.firstRecipients === undefined)
    split = { ...split, firstRecipients: offeredIn(transaction) }
  split = endAttempt(split, {
    ...result,
    at: session.at,
    refusedOnly,
    progress: result.progress || refused.length > 0,
    // Only what we caused counts for rule 5: a full mailbox or greylisting behind us is no sign of
    // a sender that can't be split.
    trouble: result.trouble || recipients.some(({ fate }) => fate === 'postponed'),
    byJudge: transaction.deferredByJudge === true,
    recognised:
      transaction.returned === 'by its text alone' && splittingOf(transaction) !== undefined,
  })
  if (transaction.unsplit === 'forgiven' || transaction.unsplit === 'too many retries')
    split = { ...split, forgiven: true }
  // Of whom nobody knows yet whether they belong to this message there is nothing to say.
  const known = certain
    ? recipients
    : recipients.filter(({ fate }) => fate === 'deferred' || fate === 'refused')
  split = withOutcomes(split, transaction, known, session.at)
  const attempt = certain || result.forcedRetry ? attemptOf(session, transaction) : {}
  split = closeIfDone({ ...split, ...attempt }, session.at)
  transaction.split = split
  saveSplit(session, transaction)
  if (split.status !== 'open' && transaction.overtaken !== true) noteClosed(session, split)
}

/** By which the next attempt of this message will be known before its text. */
function keepDeclared({ arrival, recipients }: Transaction, split: Split): Split {
  const postponed = addresses(recipients.filter(({ fate }) => fate === 'postponed'))
  return { ...inOfferedOrder(split, addresses(recipients)), declared: arrival.declared, postponed }
}
