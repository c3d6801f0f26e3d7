/** After the text: verdicts, what the backend gets, what the client is told. */
import { describeReply, isPermanent, isPositive, type Reply } from '../smtp/reply.ts'
import { replies } from '../smtp/replies.ts'
import { headerDate, receivedHeader, tagHeader } from '../smtp/headers.ts'
import type { Judgement } from '../judge/judge.ts'
import type { DeliveryFact, LimitName } from '../facts.ts'
import { type Answer, answerEach, answerTogether, type Outcome } from '../verdict/answer.ts'
import { type Parcel, parcelsByGroup, parcelsByResult } from '../verdict/parcels.ts'
import { decide, grant, type Sharing, type Verdict } from '../verdict/verdict.ts'
import { concludeWithoutAnswer, noteTransaction, outcomeOf } from './conclude.ts'
import type { ParcelOrder, ParcelReply, TextEnd } from './effects.ts'
import { confirmSplit, keepAnswer } from './keep-ledger.ts'
import { noteLimit } from './limit.ts'
import { mailArgument } from './on-mail.ts'
import { forClient } from './relay.ts'
import { fillSlot, openSlot } from './reply-slots.ts'
import { type Session, transactionOf } from './session.ts'
import { anyoneDeferred, type Recipient, servingOf, splittingOf, throughOf, type Transaction } from './transaction.ts'
import { encodeParameters } from '../smtp/parameters.ts'

/** Some clients offer at most a hundred recipients at a time and hold the rest back (Exim's max_rcpt). */
const recipientsOfOneBatch = 100

/** A judgement that can't change any more: if it leaves nothing to decide, the text goes on to the backend at once. */
export function onJudgedEarly(session: Session, judgement: Judgement, at: number): void {
  const transaction = transactionOf(session)
  if (transaction === undefined || (session.state.at !== 'text' && session.state.at !== 'chunks')) return
  const parcels = planParcels(session, transaction, judgement)
  const [only] = parcels
  const through = throughOf(transaction)
  if (only === undefined || parcels.length > 1 || only.recipients.length < through.length) return
  transaction.streaming = true
  transaction.judgedAt = at
  order(session, transaction, parcels, at)
}

export function onTextEnded(session: Session, text: TextEnd, at: number): void {
  const { state } = session
  if (state.at !== 'text' && state.at !== 'chunks') return
  const { hello, transaction } = state
  const slot = openSlot(session.slots)
  session.state = { at: 'answering', hello, transaction, slot }
  transaction.sizeBytes = text.sizeBytes
  transaction.textAt = text.endedAt
  transaction.text = text
  if (text.messageId !== undefined) transaction.messageId = text.messageId
  if (text.fault !== undefined) {
    const limit = limitOfFault[text.fault]
    if (limit !== undefined) noteLimit(session, limit, at)
    return refuseText(session, textRefusal(session, text.fault), at)
  }
  if (transaction.streaming) return
  transaction.judgedAt = at
  confirmSplit(session, transaction, text, at)
  const parcels = planParcels(session, transaction, text.judgement)
  if (parcels.length > 0) return order(session, transaction, parcels, at)
  answer(session, [], at)
}

const limitOfFault: Partial<Record<NonNullable<TextEnd['fault']>, LimitName>> = {
  tooLarge: 'message_size',
  headerTooLarge: 'header',
  lineTooLong: 'text_line',
}

function textRefusal(session: Session, fault: NonNullable<TextEnd['fault']>): Reply {
  switch (fault) {
    case 'bareNewline':
      return replies.bareNewline
    case 'nul':
      return replies.nulAtLineStart
    case 'lineTooLong':
      return replies.textLineTooLong
    case 'tooLarge':
      return replies.messageTooLarge(session.options.own.messageSizeBytes)
    case 'headerTooLarge':
      return replies.headerTooLarge
    case 'spool':
      return replies.spoolTrouble
    case 'time':
      return replies.noAnswerInTime
  }
}

/** The form of the text is refused: nobody of this transaction gets it. Rule 2 holds here too. */
function refuseText(session: Session, refusal: Reply, at: number): void {
  if (session.state.at !== 'answering') return
  const { hello, transaction, slot } = session.state
  const mayRefuse = !isPermanent(refusal) || !anyoneDeferred(transaction)
  const reply = mayRefuse ? refusal : replies.refusalKept(transaction.peer.retryHintSeconds)
  session.effects.push({ do: 'abandon' })
  session.state = { at: 'ready', hello }
  fillSlot(session.slots, slot, reply)
  concludeWithoutAnswer(session, transaction, reply, at)
}

/**
 * How the recipients of this transaction are answered. Where the client is split several groups are together only because a guess
 * was wrong (those refused in another message go together) or a policy says `never_defer`; only the latter is lenient.
 */
function sharingOf(transaction: Transaction): Sharing {
  const splitting = splittingOf(transaction)
  if (transaction.prdr || splitting === 'late') return 'each'
  if (splitting === undefined) return servingOf(transaction) === 'off' ? 'off' : 'lenient'
  const through = throughOf(transaction)
  if (through.some((recipient) => recipient.concealed !== undefined)) return 'each'
  return through.some((recipient) => recipient.policy?.neverDefer === true) ? 'lenient' : 'each'
}

/** Sets each recipient's verdict and says which parcels the backend gets for them. */
function planParcels(session: Session, transaction: Transaction, judgement: Judgement): Parcel[] {
  const through = throughOf(transaction)
  const { options } = session
  if (judgement.kind === 'scored') {
    transaction.score = judgement.score
    transaction.symbols = judgement.symbols
  }
  if (options.judging === 'backend') return backendParcels(transaction, through)
  const sharing = sharingOf(transaction)
  const instead = transaction.peer.lenientAs
  // Who has the message already gets nothing, but hears the same answer.
  const open = through.filter((recipient) => recipient.memory?.state !== 'delivered')
  const others = othersOf(transaction, through)
  const granted =
    open.length === 0
      ? []
      : grant([...open.map((recipient) => wants(session, recipient, judgement)), ...others], sharing, instead)
  open.forEach((recipient, i) => {
    const verdict = granted[i] ?? 'defer'
    recipient.verdict = verdict === 'quarantine' && options.quarantine === undefined ? 'tag' : verdict
  })
  for (const recipient of through) if (recipient.memory?.state === 'delivered') recipient.verdict = 'accept'
  return parcelsByResult(open.map((recipient) => ({ index: recipient.index, verdict: recipient.verdict ?? 'defer' })))
}

/** What others want who share the answer without getting the text now. */
function othersOf(transaction: Transaction, through: readonly Recipient[]): readonly Verdict[] {
  const someoneHasIt = through.some((recipient) => recipient.memory?.state === 'delivered')
  // Rule 2 keeps a refusal back as long as someone is deferred; a message that is let through has to end all the same.
  const someoneIsLeft = transaction.unsplit !== undefined && anyoneDeferred(transaction)
  return someoneHasIt || someoneIsLeft ? ['accept'] : []
}

function wants(session: Session, recipient: Recipient, judgement: Judgement): Verdict {
  if (recipient.concealed !== undefined || recipient.memory?.state === 'refused') return 'reject'
  switch (judgement.kind) {
    case 'scored':
      return recipient.policy === undefined ? 'accept' : decide(judgement.score, recipient.policy)
    case 'silent':
      return 'accept'
    case 'failed':
      return session.options.judgeFailure
  }
}

/** `judge: backend`: one transaction per group where groups are answered apart, else one for all, whose reply is the verdict. */
function backendParcels(transaction: Transaction, through: readonly Recipient[]): Parcel[] {
  const apart = transaction.prdr || splittingOf(transaction) !== undefined
  const open = through.filter(
    ({ concealed, memory }) =>
      concealed === undefined && memory?.state !== 'delivered' && !(apart && memory?.state === 'refused'),
  )
  if (open.length === 0) return []
  return apart ? parcelsByGroup(open) : [{ result: 'plain', recipients: open.map((recipient) => recipient.index) }]
}

function order(session: Session, transaction: Transaction, parcels: readonly Parcel[], at: number): void {
  const { recipients } = transaction
  const trace = session.options.receivedHeader ? traceHeader(session, transaction, at) : ''
  const orders = parcels.map((parcel): ParcelOrder => {
    const members = parcel.recipients.flatMap((index) => recipients[index] ?? [])
    return {
      result: parcel.result,
      header: trace + tagOf(transaction, parcel, members),
      recipients: members.map(({ index, path, parameters }) => ({
        index,
        argument:
          parcel.result === 'quarantined'
            ? `<${session.options.quarantine ?? ''}>`
            : `<${path.mailbox}>${encodeParameters(parameters)}`,
      })),
    }
  })
  transaction.parcels = parcels
  const shown = recipients
    .filter((recipient) => recipient.shown !== undefined && isPositive(recipient.shown))
    .map((recipient) => recipient.index)
  session.effects.push({
    do: 'deliver',
    parcels: orders,
    mail: mailArgument(transaction),
    shown,
    streaming: transaction.streaming,
  })
}

function tagOf(transaction: Transaction, parcel: Parcel, members: readonly Recipient[]): string {
  if (parcel.result === 'plain') return ''
  const score = transaction.score ?? 0
  const quarantined = parcel.result === 'quarantined'
  return tagHeader({
    verdict: quarantined ? 'quarantine' : 'tag',
    score,
    recipients: quarantined ? members.map((member) => member.path.address) : [],
  })
}

function traceHeader(session: Session, transaction: Transaction, at: number): string {
  if (!('hello' in session.state)) return ''
  const { verb } = session.state.hello
  const base = transaction.parameters.has('SMTPUTF8') ? 'UTF8SMTP' : verb === 'EHLO' ? 'ESMTP' : 'SMTP'
  return receivedHeader({
    helo: session.helo,
    address: session.client.address,
    hostname: session.options.hostname,
    protocol: session.secured ? `${base}S` : base,
    id: `${session.id}.${session.transactions}`,
    date: headerDate(at),
  })
}

export function onDelivered(session: Session, results: readonly ParcelReply[], at: number): void {
  if (session.state.at !== 'answering') return
  answer(session, results, at)
}

function answer(session: Session, results: readonly ParcelReply[], at: number): void {
  if (session.state.at !== 'answering') return
  const { hello, transaction, slot } = session.state
  const { text } = transaction
  if (text === undefined) return
  session.effects.push({ do: 'abandon' })
  noteDeliveries(transaction, results)
  const outcomes = throughOf(transaction).map((recipient) => outcomeFor(session, transaction, recipient, results))
  const circumstances = {
    anyoneDeferred: anyoneDeferred(transaction),
    mayComeAgain: splittingOf(transaction) !== undefined,
    othersMayBeOpen: session.said452 || transaction.recipients.length >= recipientsOfOneBatch,
    retryHintSeconds: transaction.peer.retryHintSeconds,
  }
  const said = transaction.prdr ? answerEach(outcomes, circumstances) : answerTogether(outcomes, circumstances)
  markRecipients(transaction, outcomes, said)
  keepAnswer(session, transaction, said, at) // written before the client is told
  session.state = { at: 'ready', hello }
  say(session, slot, said.lines)
  transaction.lastReply = said.lines.at(-1) ?? replies.backendNonsense
  const mixed = said.lines.length > 1
  noteTransaction(session, transaction, mixed ? 'mixed' : outcomeOf(transaction.lastReply), at)
}

/** A block leaves in one piece: Exim counts the lines it has read as delivered (protocol.md: PRDR). */
function say(session: Session, slot: number, lines: readonly Reply[]): void {
  const [first = replies.backendNonsense, ...more] = lines
  const slots = more.map(() => openSlot(session.slots))
  more.forEach((line, i) => {
    const place = slots[i]
    if (place !== undefined) fillSlot(session.slots, place, line)
  })
  fillSlot(session.slots, slot, first)
}

/** Rule 1: 2yz only where the backend has taken the message for this recipient, now or on an earlier attempt. */
function outcomeFor(
  session: Session,
  transaction: Transaction,
  recipient: Recipient,
  results: readonly ParcelReply[],
): Outcome {
  const { index, address } = recipient
  if (recipient.memory?.state === 'delivered') {
    recipient.duplicate = true
    return { index, address, reply: replies.alreadyDelivered }
  }
  const parcel = transaction.parcels?.findIndex((candidate) => candidate.recipients.includes(index)) ?? -1
  const result = results[parcel]
  if (result !== undefined) {
    const reply = forClient(result.own.get(index) ?? result.reply, replies.ok)
    if (session.options.judging === 'backend')
      recipient.verdict = isPositive(reply) ? 'accept' : isPermanent(reply) ? 'reject' : 'defer'
    else if (isPermanent(reply)) recipient.verdict = 'reject'
    else if (!isPositive(reply)) recipient.verdict = 'defer'
    return { index, address, reply }
  }
  return { index, address, reply: withheld(recipient) }
}

/** The backend never saw the text for this recipient. */
function withheld(recipient: Recipient): Reply {
  if (recipient.memory?.state === 'refused' && recipient.memory.reply !== undefined) return recipient.memory.reply
  if (recipient.concealed !== undefined) return recipient.concealed
  return recipient.verdict === 'defer' ? replies.judgeUnavailable : replies.rejected(recipient.path.mailbox)
}

function markRecipients(transaction: Transaction, outcomes: readonly Outcome[], said: Answer): void {
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
