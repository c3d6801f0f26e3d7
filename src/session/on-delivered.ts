/** The backend has answered: what the client is told, or what is kept for nobody to hear. */
import type { MessageIdentity } from '../split/split.ts'
import { isPositive, type Reply } from '../smtp/reply.ts'
import { replies } from '../smtp/replies.ts'
import {
  type Answer,
  answerEach,
  answerTogether,
  type Circumstances,
  type Outcome,
} from '../verdict/answer.ts'
import { overruled, stillOverruled } from '../verdict/reason.ts'
import { answerReported, refusalsAmong } from '../verdict/reported.ts'
import type { Delivering, Presence, Reporting, Results } from './answering.ts'
import { noteReported, refusalsToReport } from './bounce.ts'
import { noteTransaction, outcomeOf } from './conclude.ts'
import type { Event, ParcelReply } from './effects.ts'
import { close } from './ending.ts'
import { deliveriesOf, type Made, madeOfJudged } from './made.ts'
import { observePassed, observes } from './observe.ts'
import { recordAnswer } from './record-attempt.ts'
import { confirmDelivery, intendUnheard, recordUnheard } from './record-deliveries.ts'
import { fillSlot, openSlot } from './reply-slots.ts'
import { markResults, repliesByIndex, resultsOf } from './results.ts'
import type { Answering, Session } from './session.ts'
import { anyoneDeferred, splittingOf, throughOf, type Transaction } from './transaction.ts'

/**
 * Some clients offer at most a hundred recipients at a time and hold the rest back (Exim's
 * max_rcpt).
 */
const recipientsOfOneBatch = 100

export function onParcelDelivered(
  session: Session,
  event: Extract<Event, { kind: 'parcelDelivered' }>,
): void {
  const delivering = deliveringIn(session)
  if (delivering !== undefined) confirmDelivery(session, delivering, event)
}

function deliveringIn({ state }: Session): Answering<Delivering> | undefined {
  return state.at === 'answering' && state.step.at === 'delivering'
    ? (state as Answering<Delivering>)
    : undefined
}

/**
 * True: the backend is being asked already, and what it says will be written down for the sender's
 * next attempt (RFC 1047).
 */
export function outlivesClient(session: Session, identity: MessageIdentity | undefined): boolean {
  return identity !== undefined && goesOnWithoutClient(session, identity, 'gone')
}

/**
 * Senders that give up close with FIN, and so do some that go on reading (protocol.md: Exim): the
 * answer is said and written down.
 */
export function mayBeGone(session: Session, identity: MessageIdentity): void {
  goesOnWithoutClient(session, identity, 'maybe gone')
}

function goesOnWithoutClient(
  session: Session,
  identity: MessageIdentity,
  client: Presence,
): boolean {
  const { state } = session
  if (state.at !== 'answering') return false
  const { transaction, step } = state
  switch (step.at) {
    case 'awaitingOthers':
    case 'vouching':
    case 'preparingReport':
      return false
    case 'delivering':
      transaction.identity = identity
      session.state = { ...state, step: { ...step, client } }
      intendUnheard(session, transaction, step.parcels)
      return true
    case 'reporting':
      transaction.identity = identity
      session.state = { ...state, step: { ...step, client } }
      return true
  }
}

/** Every result is known. Of a text that still comes in the answer is told behind it. */
export function onDelivered(session: Session, results: readonly ParcelReply[]): void {
  const { state } = session
  if (state.at === 'text' || state.at === 'chunks') {
    const { upstream } = state
    if (upstream.way === 'streaming')
      session.state = { ...state, upstream: { ...upstream, way: 'answered', results } }
    return
  }
  const delivering = deliveringIn(session)
  if (delivering !== undefined) takeResults(session, delivering, results)
}

/** What they mean for each recipient; a report of the refusals goes before the answer. */
export function takeResults(
  session: Session,
  delivering: Answering<Delivering>,
  said: readonly ParcelReply[],
): void {
  const { transaction, step } = delivering
  const judges = session.options.lastWord === 'backend' || observes(session)
  const all = { replies: said, replyTo: repliesByIndex(step.parcels, said), judges }
  const results = resultsOf(transaction, all)
  markResults(transaction, all)
  const refusals = refusalsToReport(transaction, step, results.outcomes)
  const { judged, parcels, client, report } = step
  if (report.kind === 'none' || refusals.length === 0)
    return concludeAnswer(session, { ...delivering, results, reportedTo: 'nobody' })
  const reporting = { at: 'reporting', judged, by: report.by, parcels, results, client } as const
  session.state = { ...delivering, step: reporting }
  session.effects.push({ do: 'report', refusals })
}

/** The backend has answered to the report of the refusals. */
export function onReported(session: Session, reply: Reply): void {
  const { state } = session
  if (state.at !== 'answering') return
  const { step } = state
  if (step.at !== 'reporting') return
  const taken = noteReported(session, { ...state, step }, reply)
  const { results } = step
  concludeAnswer(session, { ...state, step, results, reportedTo: taken ? 'sender' : 'nobody' })
}

interface Answered extends Answering<Delivering | Reporting> {
  readonly results: Results
  /** Who has heard of the refusals already. */
  readonly reportedTo: 'nobody' | 'sender'
}

/** What the client is told, and what the ledger keeps. */
function concludeAnswer(session: Session, answered: Answered): void {
  const { hello, transaction, slot, step, results } = answered
  if (observes(session)) {
    const { sizeBytes } = step.judged
    observePassed(session, transaction, { sizeBytes, outcomes: results.outcomes })
  }
  session.effects.push({ do: 'abandon' })
  if (isForNobody(transaction, step)) return keepForNobody(session, answered)
  const said = answerTo(transaction, answered, circumstancesOf(session, answered))
  markAnswered(transaction, results.outcomes, said)
  const { judgedAnyway } = results
  markJudged(transaction, judgedAnyway)
  // Written before the client is told.
  recordAnswer(session, transaction, { answer: said, judgedAnyway, client: step.client })
  session.state = { at: 'ready', hello }
  say(session, slot, said.lines)
  transaction.lastReply = said.lines.at(-1) ?? replies.backendNonsense
  const outcome = said.lines.length > 1 ? 'mixed' : outcomeOf(transaction.lastReply)
  noteTransaction(session, transaction, { outcome, made: madeAtLast(answered) })
}

/** Who has closed its side, and has had its answers in a later attempt, does not hear this one. */
const isForNobody = ({ overtaken }: Transaction, { client }: Pick<Delivering, 'client'>): boolean =>
  client === 'gone' || (client === 'maybe gone' && overtaken === true)

const madeAtLast = ({ step, results }: Answered): Made => ({
  ...madeOfJudged(step.judged),
  deliveries: deliveriesOf(step.parcels, results.replies),
})

function circumstancesOf(session: Session, { transaction, step }: Answered): Circumstances {
  const couldReport = step.at === 'reporting' || step.report.kind === 'ready'
  return {
    // A refusal of the server behind is passed on as it is (decision 88).
    anyoneDeferred: anyoneDeferred(transaction) && (transaction.prdr || !observes(session)),
    // Who was let through although the backend refused them is refused at RCPT the next time, if
    // the message can't be split.
    mayComeAgain:
      splittingOf(transaction) !== undefined ||
      couldReport ||
      throughOf(transaction).some((recipient) => recipient.concealed !== undefined),
    othersMayBeOpen: session.said452 || transaction.recipients.length >= recipientsOfOneBatch,
    retryHintSeconds: transaction.peer.retryHintSeconds,
  }
}

/**
 * Who has the message is acknowledged without a second delivery when the client comes again; what
 * was refused is judged again.
 */
function keepForNobody(session: Session, answered: Answered): void {
  const { hello, transaction, results, reportedTo } = answered
  const { outcomes } = results
  // Whose refusal was reported is done too: the report is not to be sent again.
  const reported = reportedTo === 'sender' ? refusalsAmong(outcomes) : []
  const deliveredUnsaid = [...outcomes.filter(({ reply }) => isPositive(reply)), ...reported]
  for (const { index, reason: why } of outcomes) {
    const recipient = transaction.recipients[index]
    if (recipient !== undefined) recipient.reason = overruled('unheard', why)
  }
  recordUnheard(session, transaction, deliveredUnsaid)
  noteTransaction(session, transaction, { outcome: 'aborted', made: madeAtLast(answered) })
  session.state = { at: 'ready', hello }
  close(session, 'lost')
}

/**
 * A block leaves in one piece: Exim counts the lines it has read as delivered (protocol.md: PRDR).
 */
function say(session: Session, slot: number, lines: readonly Reply[]): void {
  for (const line of lines.slice(1)) fillSlot(session.slots, openSlot(session.slots), line)
  fillSlot(session.slots, slot, lines[0] ?? replies.backendNonsense)
}

function answerTo(
  { prdr }: Transaction,
  { reportedTo, results: { outcomes } }: Answered,
  circumstances: Circumstances,
): Answer {
  if (reportedTo === 'sender') return answerReported(outcomes)
  return prdr ? answerEach(outcomes, circumstances) : answerTogether(outcomes, circumstances)
}

/** They were told to come again before the text; what it is for them is known now. */
function markJudged({ recipients }: Transaction, judgedAnyway: readonly Outcome[]): void {
  for (const { index, reason: why } of judgedAnyway) {
    const recipient = recipients[index]
    if (recipient !== undefined) recipient.reason = stillOverruled(recipient.reason, why)
  }
}

function markAnswered(transaction: Transaction, outcomes: readonly Outcome[], said: Answer): void {
  const { recipients } = transaction
  const single = said.lines.length === 1 ? said.lines[0] : undefined
  for (const { index, reason: why, reply } of outcomes) {
    const recipient = recipients[index]
    if (recipient === undefined) continue
    recipient.reason = why
    recipient.final = false
    recipient.lastReply = single ?? reply
  }
  // Each of them is among the outcomes.
  for (const { index, reason: why } of said.refusalsKept) {
    const recipient = recipients[index]
    if (recipient === undefined) continue
    recipient.reason = why
    // Told to come back only because others were deferred: a forced retry like any other.
    recipient.fate = 'deferred'
  }
  for (const { index, reason: why } of said.deliveredUnsaid) {
    const recipient = recipients[index]
    if (recipient !== undefined) recipient.reason = why
  }
  for (const { index, reason: why } of said.final) {
    const recipient = recipients[index]
    if (recipient === undefined) continue
    recipient.reason = why
    recipient.final = true
  }
}
