/** After the text: what has to be known before the backend gets it. */
import type { Prepared } from '../bounce/bounce.ts'
import type { LimitName } from '../facts/sessions.ts'
import type { MessageIdentity } from '../split/split.ts'
import { isPermanent, type Reply } from '../smtp/reply.ts'
import { replies } from '../smtp/replies.ts'
import { isVouched } from '../strategy/auto.ts'
import { whyUnsplit } from '../split/unsplit.ts'
import { type Findings, symbolsOf } from '../verdict/judgement.ts'
import {
  limitReason,
  overruled,
  type RecipientLimit,
  reason,
  stillOverruled,
} from '../verdict/reason.ts'
import { differ, type Verdict } from '../verdict/verdict.ts'
import {
  type AwaitingOthers,
  type CompleteText,
  type Delivering,
  type Judged,
  noReport,
  type PreparingReport,
  type Report,
  type Step,
  type Upstream,
  type Vouching,
} from './answering.ts'
import { asksToBounce, mayDiffer, reportIf } from './bounce.ts'
import { concludeWithoutAnswer, type Unanswered } from './conclude.ts'
import { keepUnsplit } from './crowded.ts'
import type { Event, TextEnd } from './effects.ts'
import { noteLimit } from './limit.ts'
import { madeEarly, madeOf } from './made.ts'
import { takeResults } from './on-delivered.ts'
import {
  deferredByJudge,
  type Plan,
  planParcels,
  wantedByAll,
  type Wants,
  wantsOf,
} from './plan-parcels.ts'
import { endAnothersForgiveness } from './guess-return.ts'
import { confirmSplit, takeOver } from './recognise-split.ts'
import { fillSlot, openSlot } from './reply-slots.ts'
import { requestDelivery } from './request-delivery.ts'
import type { Answering, Hello, Session, State } from './session.ts'
import { anyoneDeferred, anywayOf, throughOf, type Transaction } from './transaction.ts'

/**
 * Findings that can't change any more: if they leave nothing to decide, the text goes on to the
 * backend at once.
 */
export function onJudgedEarly(session: Session, findings: Findings): void {
  const { state } = session
  if (!isReceiving(state) || state.upstream.way !== 'kept') return
  const { transaction } = state
  // Whether it is too large for somebody is known at its end.
  if (throughOf(transaction).some(({ policy }) => policy?.maxSizeBytes !== undefined)) return
  const plan = planParcels(session, transaction, { findings, report: noReport })
  const [only] = plan.parcels
  const everyone = throughOf(transaction).length
  if (only === undefined || plan.parcels.length > 1 || only.recipients.length < everyone) return
  setSenderAuth(transaction, findings)
  setVerdicts(transaction, plan)
  const { parcels } = plan
  session.state = {
    ...state,
    upstream: { way: 'streaming', findings, judgedAt: session.at, parcels },
  }
  requestDelivery(session, transaction, { parcels, report: noReport, streaming: true })
}

/** From now on everything that is told of the message has it. */
export function onMessageIdRead(session: Session, messageId: string): void {
  const { state, at } = session
  if (state.at !== 'text' && state.at !== 'chunks') return
  const { transaction } = state
  transaction.messageId = messageId
  const fact = { kind: 'messageIdRead', at, transaction: transaction.id, messageId } as const
  session.effects.push({ do: 'note', fact })
}

type Receiving = Extract<State, { at: 'text' | 'chunks' }>

/** Octets of a text are awaited. */
const isReceiving = (state: State): state is Receiving =>
  state.at === 'text' || (state.at === 'chunks' && state.taking)

export function onTextEnded(session: Session, text: TextEnd): void {
  const { state } = session
  if (!isReceiving(state)) return
  const { transaction, upstream } = state
  const identity = identityOf(text)
  if (identity !== undefined) {
    transaction.identity = identity
    if (identity.messageId !== undefined) transaction.messageId = identity.messageId
  }
  transaction.sizeBytes = text.sizeBytes
  const ended = endText(session, state)
  if (text.fault !== undefined) {
    const limit = limitOfFault[text.fault]
    if (limit !== undefined) noteLimit(session, limit)
    const { reply, why } = textRefusal(session, text.fault)
    const made = { ...madeEarly(upstream), text }
    const trouble = text.fault === 'spool'
    return refuseText(session, ended, { reply, why, trouble, made })
  }
  switch (upstream.way) {
    case 'kept':
      return judge(session, ended, { ...text, judgedAt: session.at })
    case 'streaming':
      return go(session, ended, streamed(text, upstream))
    case 'answered':
      return answerStreamed(session, ended, { text, upstream })
  }
}

function identityOf({ fingerprint, messageId }: TextEnd): MessageIdentity | undefined {
  if (fingerprint === undefined) return undefined
  return messageId === undefined ? { fingerprint } : { fingerprint, messageId }
}

type Ended = Omit<Answering<Step>, 'at' | 'step'>

/** The client waits for the answer from here on. */
function endText(
  session: Session,
  { hello, transaction }: { readonly hello: Hello; readonly transaction: Transaction },
): Ended {
  if (transaction.senderAuth === 'no text') transaction.senderAuth = 'not asked'
  return { hello, transaction, slot: openSlot(session.slots) }
}

function go(session: Session, { hello, transaction, slot }: Ended, step: Step): void {
  session.state = { at: 'answering', hello, transaction, slot, step }
}

type Sent = Exclude<Upstream, { way: 'kept' }>

/** Of a text that went to the backend while it came in. */
const streamed = (
  { sizeBytes, endedAt }: CompleteText,
  { findings, judgedAt, parcels }: Sent,
): Delivering => ({
  at: 'delivering',
  judged: { sizeBytes, endedAt, findings, judgedAt },
  report: noReport,
  parcels,
  client: 'there',
})

function answerStreamed(
  session: Session,
  ended: Ended,
  {
    text,
    upstream,
  }: {
    readonly text: CompleteText
    readonly upstream: Extract<Upstream, { way: 'answered' }>
  },
): void {
  const step = streamed(text, upstream)
  go(session, ended, step)
  takeResults(session, { at: 'answering', ...ended, step }, upstream.results)
}

function judge(session: Session, ended: Ended, judged: Judged): void {
  confirmSplit(session, ended.transaction)
  endAnothersForgiveness(session, ended.transaction)
  if (awaitsOthers(session, ended.transaction))
    return go(session, ended, { at: 'awaitingOthers', judged })
  decideVerdicts(session, ended, judged)
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
  const answering = inStep(session, 'awaitingOthers')
  if (answering === undefined) return
  if (!event.settled) {
    const made = madeOf(answering)
    const refusal = {
      reply: replies.stillUnderWay,
      why: reason('under way'),
      trouble: true,
      made,
    }
    return refuseText(session, answering, refusal)
  }
  const { transaction, step } = answering
  if (event.split !== undefined) takeOver(session, transaction, event.split)
  decideVerdicts(session, answering, step.judged)
}

type Waiting = AwaitingOthers | Vouching | PreparingReport

/** What there is at this step, if it is the one that is being taken. */
function inStep<At extends Waiting['at']>(
  { state }: Session,
  at: At,
): Answering<Extract<Waiting, { at: At }>> | undefined {
  return state.at === 'answering' && state.step.at === at
    ? (state as Answering<Extract<Waiting, { at: At }>>)
    : undefined
}

function decideVerdicts(session: Session, ended: Ended, judged: Judged): void {
  const { transaction } = ended
  if (transaction.returned !== undefined) forgiveKnown(transaction)
  else if (throughOf(transaction).length > 1) keepUnsplit(session, transaction)
  setSenderAuth(transaction, judged.findings)
  const wants = wantsOf(transaction, judged.findings)
  const reply = deferredByJudge(transaction, wants)
  if (reply !== undefined) {
    transaction.deferredByJudge = true
    const made = { text: judged, judged, deliveries: [] }
    return refuseText(session, ended, {
      reply,
      trouble: true,
      why: reason('forced by judge'),
      made,
    })
  }
  const wanted = wantedByAll(transaction, wants)
  if (asksToVouch(session, transaction, judged, wanted))
    return go(session, ended, { at: 'vouching', judged })
  if (asksToBounce(session, transaction, judged, wanted))
    return go(session, ended, { at: 'preparingReport', judged })
  deliver(session, ended, { judged, report: noReport, wants })
}

/** A scanner that looks at SPF and DKIM itself has said that they vouch for the sender. */
function setSenderAuth(transaction: Transaction, findings: Findings): void {
  if (isVouched(symbolsOf(findings) ?? [])) transaction.senderAuth = 'vouched'
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
  const refusal = {
    reply: replies.noAnswerInTime,
    why: reason('no answer in time'),
    trouble: true,
  }
  if (isReceiving(state)) {
    const { upstream } = state
    const ended = endText(session, state)
    if (upstream.way === 'answered')
      return answerStreamed(session, ended, { text: event, upstream })
    const made = { ...madeEarly(upstream), text: event }
    return refuseText(session, ended, { ...refusal, made })
  }
  if (state.at !== 'answering') return
  switch (state.step.at) {
    case 'awaitingOthers':
    case 'vouching':
    case 'preparingReport':
      return refuseText(session, state, { ...refusal, made: madeOf(state) })
    case 'delivering':
    case 'reporting':
      return
  }
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
  { findings }: Judged,
  wanted: readonly Verdict[],
): boolean {
  const { peer, prdr, trusted, reversePath } = transaction
  if (peer.chosen === undefined || prdr || trusted || reversePath.mailbox === '') return false
  const symbols = symbolsOf(findings) ?? []
  const known = isVouched(symbols) || transaction.split?.vouched !== undefined
  if (
    known ||
    !(session.options.lastWord === 'backend' ? mayDiffer(throughOf(transaction)) : differ(wanted))
  )
    return false
  session.effects.push({ do: 'vouch', reversePath: reversePath.address, symbols })
  return true
}

export function onVouched(session: Session, vouched: boolean): void {
  const answering = inStep(session, 'vouching')
  if (answering === undefined) return
  answering.transaction.senderAuth = vouched ? 'vouched' : 'not vouched'
  deliver(session, answering, { judged: answering.step.judged, report: noReport })
}

/** Whether refusals can be reported to the sender is known now, and with it who gets what. */
export function onBouncePrepared(session: Session, prepared: Prepared): void {
  const answering = inStep(session, 'preparingReport')
  if (answering === undefined) return
  const report = reportIf(session, answering.transaction, prepared)
  deliver(session, answering, { judged: answering.step.judged, report })
}

interface Ordered {
  readonly judged: Judged
  readonly report: Report
  /** Absent: something else was asked since. */
  readonly wants?: Wants
}

function deliver(session: Session, ended: Ended, { judged, report, wants }: Ordered): void {
  const { transaction } = ended
  const { findings } = judged
  const plan = planParcels(session, transaction, { findings, report, wants })
  setVerdicts(transaction, plan)
  const { parcels } = plan
  const step: Delivering = { at: 'delivering', judged, report, parcels, client: 'there' }
  go(session, ended, step)
  if (parcels.length > 0)
    return requestDelivery(session, transaction, { parcels, report, streaming: false })
  takeResults(session, { at: 'answering', ...ended, step }, [])
}

function setVerdicts({ recipients }: Transaction, { decided }: Plan): void {
  for (const recipient of recipients) {
    const of = decided[recipient.index]
    if (of === undefined) continue
    const { verdict, reason: why, reply } = of
    recipient.verdict = verdict
    recipient.reason = recipient.fate === 'deferred' ? stillOverruled(recipient.reason, why) : why
    if (reply !== undefined) recipient.verdictReply = reply
  }
}

const limitOfFault: Partial<Record<NonNullable<TextEnd['fault']>, LimitName & RecipientLimit>> = {
  tooLarge: 'message_size',
  headerTooLarge: 'header',
  lineTooLong: 'text_line',
}

function textRefusal(
  session: Session,
  fault: NonNullable<TextEnd['fault']>,
): Pick<Unanswered, 'reply' | 'why'> {
  const limit = limitOfFault[fault]
  const form = reason(fault === 'spool' ? 'spool failed' : 'bad text')
  return {
    reply: replyToFault(session, fault),
    why: limit === undefined ? form : limitReason(limit),
  }
}

function replyToFault(session: Session, fault: NonNullable<TextEnd['fault']>): Reply {
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
function refuseText(
  session: Session,
  { hello, transaction, slot }: Ended,
  { reply: refusal, why: own, ...unanswered }: Unanswered,
): void {
  const mayRefuse = !isPermanent(refusal) || !anyoneDeferred(transaction)
  const reply = mayRefuse ? refusal : replies.refusalKept(transaction.peer.retryHintSeconds)
  session.effects.push({ do: 'abandon' })
  session.state = { at: 'ready', hello }
  fillSlot(session.slots, slot, reply)
  const why = mayRefuse ? own : overruled('rule 2', own)
  concludeWithoutAnswer(session, transaction, { ...unanswered, reply, why })
}
