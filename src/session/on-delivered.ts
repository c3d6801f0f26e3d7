/** The backend has answered: each recipient's outcome, and what the client is told. */
import type { MessageIdentity } from '../split/split.ts'
import type { Path } from '../smtp/path.ts'
import { isPermanent, isPositive, type Reply } from '../smtp/reply.ts'
import { replies } from '../smtp/replies.ts'
import {
  type Answer,
  answerEach,
  answerTogether,
  type Circumstances,
  type Outcome,
} from '../verdict/answer.ts'
import type { Parcel } from '../verdict/parcels.ts'
import { overruled, reason, stillOverruled } from '../verdict/reason.ts'
import { answerReported, refusalsAmong } from '../verdict/reported.ts'
import type { Delivering, Presence, Reporting, Results } from './answering.ts'
import { noteReported, refusalsToReport } from './bounce.ts'
import { noteTransaction, outcomeOf } from './conclude.ts'
import type { Event, ParcelReply } from './effects.ts'
import { close } from './ending.ts'
import { refusedBefore } from './outcomes.ts'
import { deliveriesOf, type Made, madeOfJudged } from './made.ts'
import { confirmDelivery, intendUnheard, keepUnheard } from './record-deliveries.ts'
import { keepAnswer } from './record-attempt.ts'
import { forClient } from './relay.ts'
import { fillSlot, openSlot } from './reply-slots.ts'
import type { Answering, Session } from './session.ts'
import {
  anyoneDeferred,
  anywayOf,
  type Recipient,
  splittingOf,
  throughOf,
  type Transaction,
} from './transaction.ts'

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
  if (state.at !== 'answering') return undefined
  const { step } = state
  return step.at === 'delivering' ? { ...state, step } : undefined
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
  const judges = session.options.lastWord === 'backend'
  const all = { parcels: step.parcels, replies: said, judges }
  const results = resultsOf(transaction, all)
  markResults(transaction, all)
  const refusals = refusalsToReport(transaction, step, results.outcomes)
  const { judged, parcels, client, report } = step
  if (report.kind === 'none' || refusals.length === 0)
    return answer(session, { ...delivering, results, told: 'nobody' })
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
  answer(session, { ...state, step, results, told: taken ? 'sender' : 'nobody' })
}

interface Answered extends Answering<Delivering | Reporting> {
  readonly results: Results
  /** Who has heard of the refusals already. */
  readonly told: 'nobody' | 'sender'
}

/** What the client is told, and what the ledger keeps. */
function answer(session: Session, answered: Answered): void {
  const { hello, transaction, slot, step, results } = answered
  session.effects.push({ do: 'abandon' })
  if (step.client === 'gone') return keepForNobody(session, answered)
  const said = answerTo(transaction, answered, circumstancesOf(session, answered))
  markAnswered(transaction, results.outcomes, said)
  const { judgedAnyway } = results
  markJudged(transaction, judgedAnyway)
  // Written before the client is told.
  keepAnswer(session, transaction, { answer: said, judgedAnyway, client: step.client })
  session.state = { at: 'ready', hello }
  say(session, slot, said.lines)
  transaction.lastReply = said.lines.at(-1) ?? replies.backendNonsense
  const outcome = said.lines.length > 1 ? 'mixed' : outcomeOf(transaction.lastReply)
  noteTransaction(session, transaction, { outcome, made: madeAtLast(answered) })
}

const madeAtLast = ({ step, results }: Answered): Made => ({
  ...madeOfJudged(step.judged),
  deliveries: deliveriesOf(step.parcels, results.replies),
})

function circumstancesOf(session: Session, { transaction, step }: Answered): Circumstances {
  const couldReport = step.at === 'reporting' || step.report.kind === 'ready'
  return {
    anyoneDeferred: anyoneDeferred(transaction),
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
  const { hello, transaction, results, told } = answered
  const { outcomes } = results
  // Whose refusal was reported is done too: the report is not to be sent again.
  const reported = told === 'sender' ? refusalsAmong(outcomes) : []
  const deliveredUnsaid = [...outcomes.filter(({ reply }) => isPositive(reply)), ...reported]
  for (const { index, reason: why } of outcomes) {
    const recipient = transaction.recipients[index]
    if (recipient !== undefined) recipient.reason = overruled('unheard', why)
  }
  keepUnheard(session, transaction, deliveredUnsaid)
  noteTransaction(session, transaction, { outcome: 'aborted', made: madeAtLast(answered) })
  session.state = { at: 'ready', hello }
  close(session, 'lost')
}

/**
 * A block leaves in one piece: Exim counts the lines it has read as delivered (protocol.md: PRDR).
 */
function say(session: Session, slot: number, lines: readonly Reply[]): void {
  const [first = replies.backendNonsense, ...more] = lines
  const slots = more.map(() => openSlot(session.slots))
  more.forEach((line, i) => {
    const place = slots[i]
    if (place !== undefined) fillSlot(session.slots, place, line)
  })
  fillSlot(session.slots, slot, first)
}

function resultsOf(transaction: Transaction, said: Said): Results {
  const outcomeFor = (recipient: Recipient): Outcome => ({
    index: recipient.index,
    address: recipient.address,
    mailbox: recipient.path.mailbox,
    ...toldTo(recipient, said),
  })
  return {
    replies: said.replies,
    outcomes: throughOf(transaction).map(outcomeFor),
    judgedAnyway: anywayOf(transaction).map(outcomeFor),
  }
}

/** Parcels, and what the backend said to each. */
interface Said {
  readonly parcels: readonly Parcel[]
  readonly replies: readonly ParcelReply[]
  /** `judge: backend`: its reply is the verdict. */
  readonly judges: boolean
}

/**
 * Rule 1: 2yz only where the backend has taken the message for this recipient, now or on an earlier
 * attempt, or a judge wants it thrown away.
 */
function toldTo(recipient: Recipient, said: Said): Told {
  if (recipient.memory?.state === 'delivered')
    return { reply: replies.alreadyDelivered, reason: reason('delivered before') }
  const reply = saidTo(recipient, said)
  if (reply === undefined) return withheld(recipient)
  const byVerdict = isPositive(reply) && !said.judges
  return {
    reply: forClient(reply, replies.ok),
    reason: byVerdict ? recipient.reason : reason('backend at text'),
  }
}

type Told = Pick<Outcome, 'reply' | 'reason'>

/** The backend's words; undefined for whom it was not given the text. */
function saidTo({ index }: Recipient, { parcels, replies: all }: Said): Reply | undefined {
  const result = all[parcels.findIndex(({ recipients }) => recipients.includes(index))]
  return result?.own.get(index) ?? result?.reply
}

/** The verdict that the backend's reply amounts to. */
function markResults(transaction: Transaction, said: Said): void {
  for (const recipient of [...throughOf(transaction), ...anywayOf(transaction)]) {
    if (recipient.memory?.state === 'delivered') {
      recipient.duplicate = true
      continue
    }
    const reply = saidTo(recipient, said)
    if (reply === undefined) continue
    if (isPermanent(reply)) recipient.verdict = 'reject'
    else if (!isPositive(reply)) recipient.verdict = 'defer'
    else if (said.judges) recipient.verdict = 'accept'
  }
}

/** The backend never saw the text for this recipient. */
function withheld(recipient: Recipient): Told {
  const { memory, concealed, verdict, path, judgeReply, reason: why } = recipient
  if (memory?.state === 'refused' && memory.reply !== undefined)
    return { reply: memory.reply, reason: refusedBefore(memory) }
  if (concealed !== undefined) return { reply: concealed, reason: reason('concealed') }
  const instead = withheldAs(verdict, path)
  const reply = judgeReply === undefined ? instead : forClient(judgeReply, instead)
  return { reply, reason: why }
}

function withheldAs(verdict: Recipient['verdict'], { mailbox }: Path): Reply {
  if (verdict === 'discard') return replies.ok
  return verdict === 'defer' ? replies.judgeUnavailable : replies.rejected(mailbox)
}

function answerTo(
  { prdr }: Transaction,
  { told, results: { outcomes } }: Answered,
  circumstances: Circumstances,
): Answer {
  if (told === 'sender') return answerReported(outcomes)
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
  const final = new Set(said.final.map((outcome) => outcome.index))
  const single = said.lines.length === 1 ? said.lines[0] : undefined
  const told = [...said.refusalsKept, ...said.deliveredUnsaid, ...said.final]
  const reasons = new Map(told.map((outcome) => [outcome.index, outcome.reason]))
  for (const outcome of outcomes) {
    const recipient = transaction.recipients[outcome.index]
    if (recipient === undefined) continue
    recipient.reason = reasons.get(outcome.index) ?? outcome.reason
    recipient.final = final.has(outcome.index)
    recipient.lastReply = single ?? outcome.reply
    // Told to come back only because others were deferred: a forced retry like any other.
    if (said.refusalsKept.some((kept) => kept.index === outcome.index)) recipient.fate = 'deferred'
  }
}
