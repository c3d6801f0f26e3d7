/**
 * RCPT: who goes through, who is deferred, who is refused. The backend sees each recipient as it
 * comes.
 */
import type { Command } from '../smtp/command.ts'
import { checkRcptParameters, encodeParameters } from '../smtp/parameters.ts'
import { ledgerKey } from '../smtp/path.ts'
import { isPermanent, isPositive, type Reply } from '../smtp/reply.ts'
import { replies } from '../smtp/replies.ts'
import { isRouted } from '../smtp/routed.ts'
import { memoryOf, othersBefore } from '../split/split-course.ts'
import {
  type Candidate,
  likeliest,
  mayBeReturn,
  maySpeakFor,
  newCandidate,
  noteOffer,
  seemsReturn,
  toldAlike,
} from '../split/split-return.ts'
import type { Split } from '../split/split.ts'
import type { PolicyAnswer } from '../policy/policy-source.ts'
import { choose, type Deferral, type Offered } from '../strategy/choose.ts'
import { type UnsplitReason, whyUnsplit } from '../split/unsplit.ts'
import { mayRelay } from '../strategy/relay-domains.ts'
import { groupKey, type Policy } from '../verdict/policy.ts'
import { limitReason, overruled, type Reason, reason } from '../verdict/reason.ts'
import { keepUnsplit } from './crowded.ts'
import type { Event } from './effects.ts'
import { endsByFault, fault } from './ending.ts'
import { noteDeferrals, noteReturns, switchSplit, takeReturn } from './record-split.ts'
import { noteLimit, takes } from './limit.ts'
import { parameterRefusal } from './on-mail.ts'
import { forClient } from './relay.ts'
import { fillSlot, openSlot, sayNow } from './reply-slots.ts'
import { type Session, transactionOf } from './session.ts'
import { type Recipient, splittingOf, throughOf, type Transaction } from './transaction.ts'

export function onRcpt(
  session: Session,
  command: Extract<Command, { verb: 'RCPT' }>,
  at: number,
): void {
  const { state, slots } = session
  if (state.at === 'greeted') return fault(session, replies.helloFirst, at)
  if (state.at !== 'envelope')
    return fault(session, state.at === 'chunks' ? replies.nestedMail : replies.needMail, at)
  const { transaction } = state
  if (transaction.recipients.length >= session.options.limits.recipients) {
    // Not remembered one by one: there is no limit to how many a client may name.
    transaction.beyondLimit++
    if (transaction.beyondLimit === 1) noteLimit(session, 'recipients', at)
    session.said452 = true
    return sayNow(slots, replies.tooManyRecipients)
  }
  const wrong = whatIsWrong(session, transaction, command)
  if (wrong !== undefined && endsByFault(session, at)) return
  const recipient = newRecipient(session, transaction, command)
  const refusal =
    wrong === undefined
      ? (refuseRelay(session, command) ?? putOff(session, at))
      : { reply: wrong, why: reason('bad address') }
  transaction.recipients.push(recipient)
  if (refusal !== undefined) return finish(session, recipient, refusal)
  const argument = `<${command.path.mailbox}>${encodeParameters(command.parameters)}`
  const { index, address: key } = recipient
  session.effects.push({
    do: 'offer',
    index,
    argument,
    address: command.path.address,
    key,
    sender: transaction.sender,
  })
}

function newRecipient(
  session: Session,
  transaction: Transaction,
  command: Extract<Command, { verb: 'RCPT' }>,
): Recipient {
  return {
    index: transaction.recipients.length,
    path: command.path,
    parameters: command.parameters,
    address: ledgerKey(command.path),
    slot: openSlot(session.slots),
    fate: 'asked',
    reason: reason('ended early'),
    group: '',
    known: false,
    final: false,
    duplicate: false,
  }
}

/** In the command itself, whoever the recipient is: that is the client's fault. */
function whatIsWrong(
  session: Session,
  transaction: Transaction,
  command: Extract<Command, { verb: 'RCPT' }>,
): Reply | undefined {
  const wrong = checkRcptParameters(command.parameters, session.offered)
  if (wrong !== undefined) return parameterRefusal(wrong)
  if (command.path.international && !transaction.parameters.has('SMTPUTF8'))
    return replies.needsSmtpUtf8
  return undefined
}

interface Refusal {
  readonly reply: Reply
  readonly why: Reason
}

/** Rule 8. Who has authenticated is known to the backend, which decides where they may send. */
function refuseRelay(
  { options, authenticated }: Session,
  { path }: Extract<Command, { verb: 'RCPT' }>,
): Refusal | undefined {
  if (authenticated) return undefined
  if (!mayRelay(path.domain, options.relayDomains))
    return { reply: replies.relayDenied(path.domain), why: reason('relay denied') }
  return options.refuseRoutes === true && isRouted(path.mailbox)
    ? { reply: replies.routeDenied, why: reason('route denied') }
    : undefined
}

/** Rule 2 holds behind this as behind any other 4yz at RCPT: the recipient is postponed. */
function putOff(session: Session, at: number): Refusal | undefined {
  return takes(session, 'recipients', at)
    ? undefined
    : { reply: replies.tooManyRecipientsLately, why: limitReason('recipients_per_minute') }
}

/** The reply at RCPT ends it for this recipient. */
function finish(session: Session, recipient: Recipient, { reply, why }: Refusal): void {
  recipient.fate = isPermanent(reply) ? 'refused' : 'postponed'
  recipient.final = isPermanent(reply)
  recipient.lastReply = reply
  recipient.reason = why
  if (reply.code === 452) session.said452 = true
  fillSlot(session.slots, recipient.slot, reply)
}

export function onRecipientReplied(
  session: Session,
  index: number,
  reply: Reply,
  at: number,
): void {
  const recipient = transactionOf(session)?.recipients[index]
  if (recipient?.fate !== 'asked') return
  recipient.shown = reply
  consider(session, recipient, at)
}

export function onRecipientKnown(
  session: Session,
  event: Extract<Event, { kind: 'recipientKnown' }>,
): void {
  const transaction = transactionOf(session)
  const recipient = transaction?.recipients[event.index]
  if (transaction === undefined || recipient?.fate !== 'asked') return
  for (const split of event.splits) keepRecalled(transaction, split)
  recipient.known = true
  const policy = policyOf(event.policy)
  if (event.policy.kind === 'failed')
    noteFailure(session, transaction, recipient, { at: event.at, ...event.policy })
  if (policy !== undefined) {
    recipient.policy = policy
    recipient.group = groupKey(policy)
  }
  consider(session, recipient, event.at)
}

const policyOf = (answer: PolicyAnswer): Policy | undefined =>
  answer.kind === 'found' ? answer.policy : answer.instead

/**
 * As it was first seen: what this transaction makes of it is put on top of what others have written
 * since (ledger/reconcile.ts). That they have written at all says that somebody else is at it.
 */
function keepRecalled({ recalled, contested }: Transaction, split: Split): void {
  const known = recalled.get(split.id)
  if (known === undefined) recalled.set(split.id, split)
  else if (known.version !== split.version) contested.add(split.id)
}

function noteFailure(
  session: Session,
  transaction: Transaction,
  recipient: Recipient,
  { at, source, why }: { readonly at: number; readonly source: string; readonly why: string },
): void {
  session.effects.push({
    do: 'note',
    fact: {
      kind: 'policyFailed',
      at,
      transaction: transaction.id,
      recipient: recipient.address,
      source,
      why,
    },
  })
}

const byBackend = (reply: Reply): Refusal => ({ reply, why: reason('backend at RCPT') })

/** Once the backend, the policy and the ledger have all spoken. */
function consider(session: Session, recipient: Recipient, at: number): void {
  const { shown } = recipient
  if (shown === undefined || !recipient.known) return
  if (!isPositive(shown)) {
    const conceals = isPermanent(shown) && session.options.unknownRecipients === 'conceal'
    if (!conceals && !mayHaveIt(session, recipient)) {
      finish(session, recipient, byBackend(forClient(shown, replies.backendNonsense)))
      return settle(session, at, false)
    }
    // A group of its own, answered only after the text: so that RCPT tells a scanner nothing, or
    // because they may have the message.
    recipient.concealed = forClient(shown, replies.backendNonsense)
    recipient.group = 'unknown'
  } else if (recipient.policy === undefined) {
    finish(session, recipient, { reply: replies.policyUnavailable, why: reason('policy failed') })
    return settle(session, at, false)
  }
  recipient.fate = 'considered'
  settle(session, at, false)
}

/**
 * The server behind would not take anything for them now, perhaps since this very message has
 * filled their mailbox. Whoever may have it and nothing else to wait for is told after the text,
 * which shows whether they do (rule 6): else the sender would hear that it could not be delivered.
 */
function mayHaveIt(session: Session, { address }: Recipient): boolean {
  const transaction = transactionOf(session)
  if (transaction === undefined) return false
  const { recalled, arrival } = transaction
  const states = [...recalled.values()]
    .filter((split) => toldAlike(split, arrival))
    .flatMap((split) => memoryOf(split, address)?.state ?? [])
  return states.length > 0 && states.every((state) => state === 'delivered')
}

/**
 * Decides over the recipients that are considered and not decided yet. With look-ahead this waits
 * until the batch has ended and everyone in it is known, so that the largest group can go first.
 */
export function settle(session: Session, at: number, batchEnded: boolean): void {
  const transaction = transactionOf(session)
  if (transaction === undefined || session.state.at !== 'envelope') return
  const { recipients } = transaction
  const splitting = splittingOf(transaction)
  const inOrder = splitting !== undefined && transaction.peer.first === 'offered'
  if (batchEnded) transaction.batchEnd = recipients.length
  const waitsForBatch = splitting !== undefined && !inOrder
  const open = recipients.filter((recipient) => recipient.fate === 'asked')
  if (waitsForBatch && (transaction.batchEnd < recipients.length || open.length > 0)) return
  const upTo = inOrder ? (open[0]?.index ?? recipients.length) : recipients.length
  const batch = recipients.filter(
    (recipient) => recipient.fate === 'considered' && recipient.index < upTo,
  )
  if (batch.length === 0) return
  recall(session, transaction, batch, at)
  if (inOrder) for (const recipient of batch) decideBatch(session, transaction, [recipient], at)
  else decideBatch(session, transaction, batch, at)
}

/**
 * Finds the split that this transaction goes on with, as far as can be told before the text. What
 * is counted goes to the likeliest one; only if everything that was told speaks for it may somebody
 * be made to wait because of it (rule 10). More recipients may show that it is another message.
 */
function recall(
  session: Session,
  transaction: Transaction,
  batch: readonly Recipient[],
  at: number,
): void {
  followCandidates(transaction, batch)
  if (transaction.candidates.size === 0) return
  const { arrival } = transaction
  const possible = [...transaction.candidates.values()].filter((candidate) =>
    mayBeReturn(candidate, arrival),
  )
  // DATA stands behind them, and all have been looked at: nobody else is offered.
  const whole =
    session.held !== undefined && !transaction.recipients.some(({ fate }) => fate === 'asked')
  const fitting = possible.filter(
    (candidate) =>
      seemsReturn(candidate, arrival) &&
      !transaction.contested.has(candidate.split.id) &&
      !(whole && candidate.seen.size < candidate.expected.length),
  )
  const likely = likeliest(fitting)
  const { takenFor = likely?.split.id } = transaction
  const guess = takenFor === likely?.split.id ? likely : undefined
  const best = transaction.recalled.get((guess ?? likeliest(possible))?.split.id ?? '')
  if (best?.id !== transaction.split?.id || (best === undefined && transaction.presumed)) {
    if (best !== undefined || transaction.presumed) switchSplit(session, transaction, best, at)
  }
  if (guess === undefined && transaction.taken === 'guessed') goOnTogether(transaction)
  transaction.taken = guess === undefined ? 'for nothing' : 'guessed'
  for (const recipient of batch) {
    const memory = transaction.presumed ? memoryOf(transaction.split, recipient.address) : undefined
    if (memory !== undefined) recipient.memory = memory
  }
  forgive(transaction, guess, possible)
}

/**
 * It was taken for the return of those who are refused, and is none: the others go through beside
 * them.
 */
function goOnTogether(transaction: Transaction): void {
  const through = throughOf(transaction)
  const [first] = through
  if (transaction.going.kind !== 'refused' || first === undefined) return
  if (through.some(({ concealed }) => concealed !== undefined)) return
  transaction.going = {
    kind: 'group',
    group: splittingOf(transaction) === 'late' ? '' : first.group,
  }
}

/** Whom the server behind would take, in the order in which they were offered. */
function followCandidates(transaction: Transaction, batch: readonly Recipient[]): void {
  const { recalled, candidates, recipients } = transaction
  const before = new Set(batch)
  for (const split of recalled.values()) {
    if (candidates.has(split.id) || (!transaction.presumed && split.id === transaction.split?.id))
      continue
    const candidate = newCandidate(split)
    candidates.set(split.id, candidate)
    for (const recipient of recipients)
      if (isOffered(recipient) && !before.has(recipient)) noteOffer(candidate, recipient.address)
  }
  for (const candidate of candidates.values())
    for (const { address } of batch) noteOffer(candidate, address)
}

const isOffered = ({ fate }: Recipient): boolean =>
  fate !== 'asked' && fate !== 'refused' && fate !== 'postponed'

/**
 * Rules 5 and 7. Where recipients are deferred before the text, some senders never show it, so it
 * is asked of every split whose return it looks like; where all go through, the text tells which
 * one it is.
 */
function forgive(
  transaction: Transaction,
  guess: Candidate | undefined,
  possible: readonly Candidate[],
): void {
  const { forgiveAfter } = transaction.peer
  const asked =
    splittingOf(transaction) === 'late'
      ? guess === undefined
        ? []
        : [guess]
      : possible.filter((one) => maySpeakFor(one, one.split.idleAttempts > forgiveAfter))
  const why = asked
    .map((candidate) => whyForgiven(transaction, candidate))
    .find((reason) => reason !== undefined)
  if (why !== undefined) transaction.unsplit ??= why
}

const whyForgiven = (
  { peer, trusted }: Transaction,
  { split }: Candidate,
): UnsplitReason | undefined => whyUnsplit(split, peer, trusted)

/**
 * The message may be one that can't be answered in parts any more. Then an address that does not
 * exist is refused at RCPT: nobody can be lenient about it.
 */
const endsConcealing = (transaction: Transaction): boolean =>
  [...transaction.candidates.values()].some(
    (candidate) =>
      mayBeReturn(candidate, transaction.arrival) &&
      whyForgiven(transaction, candidate) !== undefined,
  )

function decideBatch(
  session: Session,
  transaction: Transaction,
  batch: readonly Recipient[],
  at: number,
): void {
  noteReturns(transaction, batch, at)
  const defers = splittingOf(transaction) === 'group' || splittingOf(transaction) === 'single'
  if (defers && transaction.taken !== 'guessed') keepUnsplit(session, transaction, at)
  const splitting = splittingOf(transaction)
  if (splitting === undefined) {
    for (const recipient of batch) {
      // What is concealed can be told after the text only where answers are kept apart; else it has
      // to be told now.
      const { concealed } = recipient
      if (concealed === undefined || transaction.prdr || recipient.memory?.state === 'delivered')
        letThrough(session, recipient)
      else finish(session, recipient, byBackend(concealed))
    }
    return
  }
  if (batch.some(({ concealed }) => concealed !== undefined) && endsConcealing(transaction)) {
    for (const recipient of batch)
      if (recipient.concealed !== undefined && recipient.memory?.state !== 'delivered')
        finish(session, recipient, byBackend(recipient.concealed))
  }
  const kept = batch.filter(({ fate }) => fate === 'considered')
  const expected = othersExpected(transaction, kept)
  const offered = kept.map((recipient): Offered => {
    const state = transaction.taken === 'guessed' ? recipient.memory?.state : undefined
    return {
      index: recipient.index,
      group: recipient.group,
      neverDefer: recipient.concealed === undefined && recipient.policy?.neverDefer === true,
      willBeRefused:
        (splitting !== 'late' &&
          recipient.concealed !== undefined &&
          recipient.memory?.state !== 'delivered') ||
        state === 'refused',
      // Who shares an answer that is not theirs costs nobody anything: the text decides, and who
      // accepts has it at once.
      hasIt: recipient.memory?.state === 'delivered',
      othersExpected: expected && state === 'refused',
    }
  })
  const choice = choose(offered, transaction.going, {
    strategy: splitting,
    first: transaction.peer.first,
  })
  transaction.going = choice.going
  for (const index of choice.through) letThrough(session, recipientAt(transaction, index))
  // An address given twice is one recipient to the ledger: the second can't wait for an answer that
  // the first one gets.
  const goes = new Set(throughOf(transaction).map((recipient) => recipient.address))
  const deferred: Recipient[] = []
  for (const { index, why } of choice.deferred) {
    const recipient = recipientAt(transaction, index)
    if (goes.has(recipient.address)) letThrough(session, recipient)
    else deferred.push(defer(session, transaction, recipient, why))
  }
  // Where everyone else goes through, or the refused ones go alone, each deferral is the guess's.
  const all = splitting === 'late' || choice.going.kind === 'refused'
  const byGuess = deferred.filter(
    ({ memory }) => transaction.taken === 'guessed' && (all || memory?.state === 'refused'),
  )
  for (const recipient of byGuess) {
    recipient.byGuess = true
    recipient.reason = overruled('guess', recipient.memory?.outcome?.reason)
  }
  if (deferred.length > 0) noteDeferrals(session, transaction, deferred, at)
  if (byGuess.length > 0) takeReturn(session, transaction, at)
}

/**
 * Others of the message that this is taken for are still without an answer, and were not refused or
 * lost on the last attempt.
 */
function othersExpected(transaction: Transaction, batch: readonly Recipient[]): boolean {
  const { split, taken } = transaction
  if (split === undefined || taken !== 'guessed' || split.refusedOnly) return false
  // Those behind this batch were named, but nothing was said to them yet: they are still to come.
  const said = transaction.recipients.filter(
    ({ fate }) => fate !== 'asked' && fate !== 'considered',
  )
  const offered = new Set([...said, ...batch].map((recipient) => recipient.address))
  return (
    othersBefore(split, offered) ||
    split.postponed?.some((address) => !offered.has(address)) === true
  )
}

function recipientAt(transaction: Transaction, index: number): Recipient {
  const recipient = transaction.recipients[index]
  if (recipient === undefined) throw new Error(`no recipient ${index} in this transaction`)
  return recipient
}

function letThrough(session: Session, recipient: Recipient): void {
  recipient.fate = 'through'
  const reply =
    recipient.concealed !== undefined
      ? replies.recipientOk
      : forClient(recipient.shown ?? replies.recipientOk, replies.recipientOk)
  recipient.lastReply = reply
  fillSlot(session.slots, recipient.slot, reply)
}

function defer(
  session: Session,
  transaction: Transaction,
  recipient: Recipient,
  why: Deferral['why'],
): Recipient {
  const { deferCode, retryHintSeconds } = transaction.peer
  recipient.fate = 'deferred'
  recipient.reason = overruled(why, why === 'rule 2' ? reason('concealed') : undefined)
  recipient.lastReply = replies.deferred(deferCode, recipient.path.mailbox, retryHintSeconds)
  if (deferCode === 452) session.said452 = true
  fillSlot(session.slots, recipient.slot, recipient.lastReply)
  return recipient
}
