/** After the text: verdicts, and which parcels the backend gets for them. */
import type { Prepared } from '../bounce/bounce.ts'
import type { LimitName } from '../facts.ts'
import type { Judgement } from '../judge/judge.ts'
import { isPermanent, type Reply } from '../smtp/reply.ts'
import { replies } from '../smtp/replies.ts'
import { isVouched } from '../strategy/auto.ts'
import { whyUnsplit } from '../split/unsplit.ts'
import { type Parcel, parcelsByGroup, parcelsByResult } from '../verdict/parcels.ts'
import { differ, decide, grant, type Sharing, type Verdict } from '../verdict/verdict.ts'
import { asksToBounce, mayBeReported, notePrepared, mayDiffer } from './bounce.ts'
import { concludeWithoutAnswer, type Unanswered } from './conclude.ts'
import { keepUnsplit } from './crowded.ts'
import type { Event, TextEnd } from './effects.ts'
import { confirmSplit, takeOver } from './record-split.ts'
import { answer } from './on-delivered.ts'
import { order } from './request-delivery.ts'
import { noteLimit } from './limit.ts'
import { fillSlot, openSlot } from './reply-slots.ts'
import { type Hello, type Session, transactionOf } from './session.ts'
import {
  anyoneDeferred,
  anywayOf,
  type Recipient,
  servingOf,
  splittingOf,
  throughOf,
  type Transaction,
} from './transaction.ts'

/**
 * A judgement that can't change any more: if it leaves nothing to decide, the text goes on to the
 * backend at once.
 */
export function onJudgedEarly(session: Session, judgement: Judgement, at: number): void {
  const transaction = transactionOf(session)
  if (transaction === undefined || (session.state.at !== 'text' && session.state.at !== 'chunks'))
    return
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
  const { transaction } = state
  beginAnswering(session, state, text)
  transaction.text = text
  if (text.messageId !== undefined) transaction.messageId = text.messageId
  if (text.fault !== undefined) {
    const limit = limitOfFault[text.fault]
    if (limit !== undefined) noteLimit(session, limit, at)
    const reply = textRefusal(session, text.fault)
    return refuseText(session, { reply, trouble: text.fault === 'spool' }, at)
  }
  if (transaction.streaming) return
  transaction.judgedAt = at
  confirmSplit(session, transaction, text, at)
  if (!awaitsOthers(session, transaction)) decideVerdicts(session, transaction, text.judgement, at)
}

/**
 * Whether somebody is still at delivering this very message, to recipients who would get it from
 * this transaction, too.
 */
function awaitsOthers(session: Session, transaction: Transaction): boolean {
  const { split } = transaction
  if (split === undefined) return false
  const takers = [...throughOf(transaction), ...anywayOf(transaction)]
  const recipients = takers
    .filter(({ memory }) => memory?.state === 'delivering')
    .map(({ address }) => address)
  if (recipients.length === 0) return false
  session.effects.push({ do: 'awaitDeliveries', split: split.id, recipients })
  return true
}

export function onDeliveriesSettled(
  session: Session,
  event: Extract<Event, { kind: 'deliveriesSettled' }>,
): void {
  if (session.state.at !== 'answering') return
  const { transaction } = session.state
  const { text } = transaction
  if (text === undefined || transaction.parcels !== undefined) return
  if (!event.settled)
    return refuseText(session, { reply: replies.stillUnderWay, trouble: true }, event.at)
  if (event.split !== undefined) takeOver(session, transaction, event.split, event.at)
  decideVerdicts(session, transaction, text.judgement, event.at)
}

function decideVerdicts(
  session: Session,
  transaction: Transaction,
  judgement: Judgement,
  at: number,
): void {
  if (transaction.returned !== undefined) forgiveKnown(transaction)
  else if (throughOf(transaction).length > 1) keepUnsplit(session, transaction, at)
  noteScore(transaction, judgement)
  const wanted = wantedByAll(session, transaction, judgement)
  if (asksToVouch(session, transaction, wanted) || asksToBounce(session, transaction, wanted))
    return
  deliver(session, transaction, judgement, at)
}

interface TextReceived {
  readonly sizeBytes: number
  readonly endedAt: number
}

interface UnderWay {
  readonly hello: Hello
  readonly transaction: Transaction
}

function beginAnswering(
  session: Session,
  { hello, transaction }: UnderWay,
  text: TextReceived,
): void {
  session.state = { at: 'answering', hello, transaction, slot: openSlot(session.slots) }
  transaction.sizeBytes = text.sizeBytes
  transaction.textAt = text.endedAt
}

/**
 * Rule 1: what was not committed in time is not known to be taken, and the client keeps the
 * message. A delivery that is under way needs nothing here: the backend gives it up, and tells what
 * came of it.
 */
export function onAnswerTimedOut(
  session: Session,
  event: Extract<Event, { kind: 'answerTimedOut' }>,
): void {
  const { state } = session
  if (state.at === 'text' || state.at === 'chunks') beginAnswering(session, state, event)
  else if (state.at !== 'answering' || state.transaction.parcels !== undefined) return
  refuseText(session, { reply: replies.noAnswerInTime, trouble: true }, event.at)
}

/**
 * Rules 5 and 7, where all went through because nothing but the text could tell which message this
 * is.
 */
function forgiveKnown(transaction: Transaction): void {
  const { split, peer, trusted } = transaction
  const why = transaction.unsplit ?? whyUnsplit(split, peer, trusted)
  if (why !== undefined) transaction.unsplit = why
}

/**
 * `auto` goes by what was learned of a sender only for messages that are its own, and learns only
 * from those. Asked once a message, where its recipients are answered differently.
 */
function asksToVouch(
  session: Session,
  transaction: Transaction,
  wanted: readonly Verdict[],
): boolean {
  const { peer, prdr, trusted, reversePath, symbols = [] } = transaction
  if (peer.chosen === undefined || prdr || trusted || reversePath.mailbox === '') return false
  const known = isVouched(symbols) || transaction.split?.vouched !== undefined
  if (
    known ||
    !(session.options.judging === 'backend' ? mayDiffer(throughOf(transaction)) : differ(wanted))
  )
    return false
  session.effects.push({ do: 'vouch', reversePath: reversePath.address, symbols })
  return true
}

export function onVouched(session: Session, vouched: boolean, at: number): void {
  if (session.state.at !== 'answering') return
  const { transaction } = session.state
  if (
    transaction.text === undefined ||
    transaction.vouched !== undefined ||
    transaction.parcels !== undefined
  )
    return
  transaction.vouched = vouched
  deliver(session, transaction, transaction.text.judgement, at)
}

/** Whether refusals can be reported to the sender is known now, and with it who gets what. */
export function onBouncePrepared(session: Session, prepared: Prepared, at: number): void {
  if (session.state.at !== 'answering') return
  const { transaction } = session.state
  if (transaction.text === undefined || transaction.bounce !== undefined) return
  notePrepared(session, transaction, prepared, at)
  deliver(session, transaction, transaction.text.judgement, at)
}

function deliver(
  session: Session,
  transaction: Transaction,
  judgement: Judgement,
  at: number,
): void {
  const parcels = planParcels(session, transaction, judgement)
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
  }
}

/** Nobody of this transaction gets the text. Rule 2 holds here too. */
function refuseText(session: Session, { reply: refusal, trouble }: Unanswered, at: number): void {
  if (session.state.at !== 'answering') return
  const { hello, transaction, slot } = session.state
  const mayRefuse = !isPermanent(refusal) || !anyoneDeferred(transaction)
  const reply = mayRefuse ? refusal : replies.refusalKept(transaction.peer.retryHintSeconds)
  session.effects.push({ do: 'abandon' })
  session.state = { at: 'ready', hello }
  fillSlot(session.slots, slot, reply)
  concludeWithoutAnswer(session, transaction, { reply, trouble }, at)
}

/**
 * How the recipients of this transaction are answered. Where the client is split several groups are
 * together only because a guess was wrong (those refused in another message go together) or a
 * policy says `never_defer`; only the latter is lenient.
 */
function sharingOf(transaction: Transaction): Sharing {
  const splitting = splittingOf(transaction)
  if (transaction.prdr || splitting === 'late') return 'each'
  if (splitting === undefined) return sharingOfUnsplit(transaction)
  const through = throughOf(transaction)
  if (through.some((recipient) => recipient.concealed !== undefined)) return 'each'
  return through.some((recipient) => recipient.policy?.neverDefer === true) ? 'lenient' : 'each'
}

function sharingOfUnsplit(transaction: Transaction): Sharing {
  if (transaction.bounce?.state === 'ready') return 'each'
  return servingOf(transaction) === 'off' ? 'off' : 'lenient'
}

/** Sets each recipient's verdict and says which parcels the backend gets for them. */
function planParcels(session: Session, transaction: Transaction, judgement: Judgement): Parcel[] {
  const through = throughOf(transaction)
  const { options } = session
  noteScore(transaction, judgement)
  if (options.judging === 'backend') return backendParcels(transaction, through)
  const sharing = sharingOf(transaction)
  const instead = transaction.peer.lenientAs
  // Who has the message already gets nothing, but hears the same answer.
  const open = through.filter(
    ({ memory, concealed }) => memory?.state !== 'delivered' && concealed === undefined,
  )
  const others = othersOf(transaction, through)
  const granted =
    open.length === 0
      ? []
      : grant(
          [...open.map((recipient) => wants(session, recipient, judgement)), ...others],
          sharing,
          instead,
        )
  open.forEach((recipient, i) => {
    const verdict = granted[i] ?? 'defer'
    const untold =
      transaction.bounce?.state === 'ready' && verdict === 'reject' && !mayBeReported(recipient)
    recipient.verdict = granting(session, untold ? instead : verdict)
  })
  for (const recipient of through) {
    if (recipient.memory?.state === 'delivered')
      recipient.verdict = asDelivered(session, wants(session, recipient, judgement))
    // The backend has no such address: nobody can be lenient about that.
    else if (recipient.concealed !== undefined) recipient.verdict = verdictOf(recipient.concealed)
  }
  const anyway = anywayOf(transaction)
  for (const recipient of anyway)
    recipient.verdict = granting(session, wants(session, recipient, judgement))
  return parcelsByResult(
    [...open, ...anyway].map(({ index, verdict = 'defer' }) => ({ index, verdict })),
  )
}

/** Of who is told only after the text what the server behind said at RCPT. */
const verdictOf = (concealed: Reply): Verdict => (isPermanent(concealed) ? 'reject' : 'defer')

function noteScore(transaction: Transaction, judgement: Judgement): void {
  if (judgement.kind !== 'scored') return
  transaction.score = judgement.score
  transaction.symbols = judgement.symbols
}

/** What who has the message got it as: the text is the same, and so is the verdict on it. */
function asDelivered(session: Session, wanted: Verdict): Verdict {
  const verdict = granting(session, wanted)
  return verdict === 'tag' || verdict === 'quarantine' ? verdict : 'accept'
}

const granting = (session: Session, verdict: Verdict): Verdict =>
  verdict === 'quarantine' && session.options.quarantine === undefined ? 'tag' : verdict

/** What others want who share the answer without getting the text now. */
function othersOf(transaction: Transaction, through: readonly Recipient[]): readonly Verdict[] {
  const someoneHasIt = through.some((recipient) => recipient.memory?.state === 'delivered')
  // Rule 2 keeps a refusal back as long as someone is deferred; a message that is let through has
  // to end all the same.
  const someoneIsLeft = transaction.unsplit !== undefined && anyoneDeferred(transaction)
  return someoneHasIt || someoneIsLeft ? ['accept'] : []
}

/** What everyone who went through wants of this text, or has already. */
const wantedByAll = (
  session: Session,
  transaction: Transaction,
  judgement: Judgement,
): readonly Verdict[] =>
  throughOf(transaction).map((recipient) => {
    if (recipient.memory?.state === 'delivered') return 'accept'
    return recipient.concealed === undefined
      ? wants(session, recipient, judgement)
      : verdictOf(recipient.concealed)
  })

function wants(session: Session, recipient: Recipient, judgement: Judgement): Verdict {
  if (recipient.memory?.state === 'refused') return 'reject'
  switch (judgement.kind) {
    case 'scored':
      return recipient.policy === undefined ? 'accept' : decide(judgement.score, recipient.policy)
    case 'silent':
      return 'accept'
    case 'failed':
      return session.options.judgeFailure
  }
}

/**
 * `judge: backend`: one transaction per group, so that the refusal of one group takes the message
 * from nobody else, also where all share an answer (decision 36). With `off` one for all, whose
 * reply is the verdict.
 */
function backendParcels(transaction: Transaction, through: readonly Recipient[]): Parcel[] {
  const apart = transaction.prdr || servingOf(transaction) !== 'off'
  const taking = through.filter(
    ({ concealed, memory }) =>
      concealed === undefined &&
      memory?.state !== 'delivered' &&
      !(apart && memory?.state === 'refused'),
  )
  const open = [...taking, ...anywayOf(transaction)]
  if (open.length === 0) return []
  return apart
    ? parcelsByGroup(open)
    : [{ result: 'plain', recipients: open.map((recipient) => recipient.index) }]
}
