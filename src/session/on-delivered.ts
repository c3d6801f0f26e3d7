/** The backend has answered: each recipient's outcome, and what the client is told. */
import type { DeliveryFact } from '../facts.ts'
import type { MessageIdentity } from '../split/split.ts'
import { describeReply, isPermanent, isPositive, type Reply } from '../smtp/reply.ts'
import { replies } from '../smtp/replies.ts'
import {
  type Answer,
  answerEach,
  answerTogether,
  type Circumstances,
  type Outcome,
} from '../verdict/answer.ts'
import { answerReported, refusalsAmong } from '../verdict/reported.ts'
import { noteReported, reportsFirst } from './bounce.ts'
import { noteTransaction, outcomeOf } from './conclude.ts'
import type { Event, ParcelReply } from './effects.ts'
import { close } from './ending.ts'
import { confirmDelivery, intendUnheard, keepUnheard } from './record-deliveries.ts'
import { keepAnswer } from './record-split.ts'
import { forClient } from './relay.ts'
import { fillSlot, openSlot } from './reply-slots.ts'
import type { Session } from './session.ts'
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
  if (session.state.at === 'answering') confirmDelivery(session, session.state.transaction, event)
}

/**
 * True: the backend is being asked already, and what it says will be written down for the sender's
 * next attempt (RFC 1047).
 */
export function outlivesClient(
  session: Session,
  identity: MessageIdentity | undefined,
  at: number,
): boolean {
  return identity !== undefined && goesOnWithoutClient(session, identity, { clientGone: 'yes', at })
}

/**
 * Senders that give up close with FIN, and so do some that go on reading (protocol.md: Exim): the
 * answer is said and written down.
 */
export function mayBeGone(session: Session, identity: MessageIdentity, at: number): void {
  goesOnWithoutClient(session, identity, { clientGone: 'maybe', at })
}

function goesOnWithoutClient(
  session: Session,
  identity: MessageIdentity,
  { clientGone, at }: { readonly clientGone: Transaction['clientGone']; readonly at: number },
): boolean {
  if (session.state.at !== 'answering') return false
  const { transaction } = session.state
  if (transaction.parcels === undefined || transaction.text === undefined) return false
  transaction.text = { ...transaction.text, ...identity }
  transaction.clientGone = clientGone
  intendUnheard(session, transaction, at)
  return true
}

/** The backend has answered to the report of the refusals. */
export function onReported(session: Session, reply: Reply, at: number): void {
  if (session.state.at !== 'answering') return
  const { transaction } = session.state
  const results = transaction.results ?? []
  noteReported(
    session,
    transaction,
    { outcomes: outcomesOf(session, transaction, results), reply },
    at,
  )
  answer(session, results, at)
}

export function onDelivered(session: Session, results: readonly ParcelReply[], at: number): void {
  if (session.state.at !== 'answering') return
  answer(session, results, at)
}

/** Every result is known: what the client is told, and what the ledger keeps. */
export function answer(session: Session, results: readonly ParcelReply[], at: number): void {
  if (session.state.at !== 'answering') return
  const { hello, transaction, slot } = session.state
  const { text } = transaction
  if (text === undefined) return
  const outcomes = outcomesOf(session, transaction, results)
  if (reportsFirst(session, transaction, outcomes)) {
    transaction.results = results
    return
  }
  session.effects.push({ do: 'abandon' })
  noteDeliveries(transaction, results)
  transaction.judgedAnyway = anywayOf(transaction).map((recipient) =>
    outcomeFor(session, transaction, recipient, results),
  )
  if (transaction.clientGone === 'yes') return keepForNobody(session, transaction, outcomes, at)
  const circumstances = {
    anyoneDeferred: anyoneDeferred(transaction),
    // Who was let through although the backend refused them is refused at RCPT the next time, if
    // the message can't be split.
    mayComeAgain:
      splittingOf(transaction) !== undefined ||
      (transaction.bounce !== undefined && transaction.bounce.state !== 'not') ||
      throughOf(transaction).some((recipient) => recipient.concealed !== undefined),
    othersMayBeOpen: session.said452 || transaction.recipients.length >= recipientsOfOneBatch,
    retryHintSeconds: transaction.peer.retryHintSeconds,
  }
  const said = answerTo(transaction, outcomes, circumstances)
  markRecipients(transaction, outcomes, said)
  keepAnswer(session, transaction, said, at) // written before the client is told
  session.state = { at: 'ready', hello }
  say(session, slot, said.lines)
  transaction.lastReply = said.lines.at(-1) ?? replies.backendNonsense
  const mixed = said.lines.length > 1
  noteTransaction(session, transaction, mixed ? 'mixed' : outcomeOf(transaction.lastReply), at)
}

function outcomesOf(
  session: Session,
  transaction: Transaction,
  results: readonly ParcelReply[],
): readonly Outcome[] {
  return throughOf(transaction).map((recipient) =>
    outcomeFor(session, transaction, recipient, results),
  )
}

/**
 * Who has the message is acknowledged without a second delivery when the client comes again; what
 * was refused is judged again.
 */
function keepForNobody(
  session: Session,
  transaction: Transaction,
  outcomes: readonly Outcome[],
  at: number,
): void {
  // Whose refusal was reported is done too: the report is not to be sent again.
  const reported = transaction.bounce?.state === 'reported' ? refusalsAmong(outcomes) : []
  const deliveredUnsaid = [...outcomes.filter(({ reply }) => isPositive(reply)), ...reported]
  keepUnheard(session, transaction, deliveredUnsaid, at)
  noteTransaction(session, transaction, 'aborted', at)
  if ('hello' in session.state) session.state = { at: 'ready', hello: session.state.hello }
  close(session, 'lost', at)
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

/**
 * Rule 1: 2yz only where the backend has taken the message for this recipient, now or on an earlier
 * attempt.
 */
function outcomeFor(
  session: Session,
  transaction: Transaction,
  recipient: Recipient,
  results: readonly ParcelReply[],
): Outcome {
  const { index, address } = recipient
  const { mailbox } = recipient.path
  if (recipient.memory?.state === 'delivered') {
    recipient.duplicate = true
    return { index, address, mailbox, reply: replies.alreadyDelivered }
  }
  const parcel =
    transaction.parcels?.findIndex((candidate) => candidate.recipients.includes(index)) ?? -1
  const result = results[parcel]
  if (result !== undefined) {
    const reply = forClient(result.own.get(index) ?? result.reply, replies.ok)
    if (session.options.judging === 'backend')
      recipient.verdict = isPositive(reply) ? 'accept' : isPermanent(reply) ? 'reject' : 'defer'
    else if (isPermanent(reply)) recipient.verdict = 'reject'
    else if (!isPositive(reply)) recipient.verdict = 'defer'
    return { index, address, mailbox, reply }
  }
  return { index, address, mailbox, reply: withheld(recipient) }
}

/** The backend never saw the text for this recipient. */
function withheld(recipient: Recipient): Reply {
  if (recipient.memory?.state === 'refused' && recipient.memory.reply !== undefined)
    return recipient.memory.reply
  if (recipient.concealed !== undefined) return recipient.concealed
  return recipient.verdict === 'defer'
    ? replies.judgeUnavailable
    : replies.rejected(recipient.path.mailbox)
}

function answerTo(
  transaction: Transaction,
  outcomes: readonly Outcome[],
  circumstances: Circumstances,
): Answer {
  if (transaction.bounce?.state === 'reported') return answerReported(outcomes)
  return transaction.prdr
    ? answerEach(outcomes, circumstances)
    : answerTogether(outcomes, circumstances)
}

function markRecipients(
  transaction: Transaction,
  outcomes: readonly Outcome[],
  said: Answer,
): void {
  const final = new Set(said.final.map((outcome) => outcome.index))
  const single = said.lines.length === 1 ? said.lines[0] : undefined
  for (const outcome of outcomes) {
    const recipient = transaction.recipients[outcome.index]
    if (recipient === undefined) continue
    recipient.final = final.has(outcome.index)
    recipient.lastReply = single ?? outcome.reply
    // Told to come back only because others were deferred: a forced retry like any other.
    if (said.refusalsKept.some((kept) => kept.index === outcome.index)) recipient.fate = 'deferred'
  }
}

const queueIdForms = [
  /queued as ([0-9A-Za-z]+)/,
  /\bid=([0-9A-Za-z-]+)/,
  /^\d\.\d\.\d ([0-9A-Za-z]{8,}) Message accepted/,
]

function noteDeliveries(transaction: Transaction, results: readonly ParcelReply[]): void {
  results.forEach((result, i) => {
    const parcel = transaction.parcels?.[i]
    if (parcel === undefined) return
    const words = describeReply(result.reply)
    const queueId = queueIdForms.map((form) => form.exec(words)?.[1]).find((id) => id !== undefined)
    const fact: DeliveryFact = {
      recipients: parcel.recipients.length,
      result: parcel.result,
      reply: words,
      ms: result.ms,
    }
    transaction.deliveries.push(queueId === undefined ? fact : { ...fact, queueId })
  })
}
