/** RCPT: who goes through, who is deferred, who is refused. The backend sees each recipient as it comes. */
import type { Command } from '../smtp/command.ts'
import { checkRcptParameters, encodeParameters } from '../smtp/parameters.ts'
import { ledgerKey } from '../smtp/path.ts'
import { isPermanent, isPositive, type Reply } from '../smtp/reply.ts'
import { replies } from '../smtp/replies.ts'
import { isRouted } from '../smtp/routed.ts'
import { memoryOf, openAmong, othersBefore, presume, stateOf } from '../ledger/split-course.ts'
import type { Split } from '../ledger/split.ts'
import type { PolicyAnswer } from '../policy/policy-source.ts'
import { choose, type Offered } from '../strategy/choose.ts'
import { mayRelay, whyUnsplit } from '../strategy/rules.ts'
import { groupKey } from '../verdict/policy.ts'
import type { Event } from './effects.ts'
import { endsByFault, fault } from './ending.ts'
import { noteDeferrals, noteReturns, switchSplit } from './keep-ledger.ts'
import { noteLimit, takes } from './limit.ts'
import { parameterRefusal } from './on-mail.ts'
import { forClient } from './relay.ts'
import { fillSlot, openSlot, sayNow } from './reply-slots.ts'
import { type Session, transactionOf } from './session.ts'
import { type Recipient, splittingOf, throughOf, type Transaction } from './transaction.ts'

export function onRcpt(session: Session, command: Extract<Command, { verb: 'RCPT' }>, at: number): void {
  const { state, slots } = session
  if (state.at === 'greeted') return fault(session, replies.helloFirst, at)
  if (state.at !== 'envelope') return fault(session, state.at === 'chunks' ? replies.nestedMail : replies.needMail, at)
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
  let refusal = wrong ?? refuseRelay(session, command)
  // Rule 2 holds behind this as behind any other 4yz at RCPT: the recipient is postponed.
  if (refusal === undefined && !takes(session, 'recipients', at)) refusal = replies.tooManyRecipientsLately
  transaction.recipients.push(recipient)
  if (refusal !== undefined) return finish(session, recipient, refusal)
  const argument = `<${command.path.mailbox}>${encodeParameters(command.parameters)}`
  const { index, address: key } = recipient
  session.effects.push({ do: 'offer', index, argument, address: command.path.address, key, sender: transaction.sender })
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
  if (command.path.international && !transaction.parameters.has('SMTPUTF8')) return replies.needsSmtpUtf8
  return undefined
}

/** Rule 8. Who has authenticated is known to the backend, which decides where they may send. */
function refuseRelay(
  { options, authenticated }: Session,
  { path }: Extract<Command, { verb: 'RCPT' }>,
): Reply | undefined {
  if (authenticated) return undefined
  if (!mayRelay(path.domain, options.relayDomains)) return replies.relayDenied(path.domain)
  return options.refuseRoutes === true && isRouted(path.mailbox) ? replies.routeDenied : undefined
}

/** The reply at RCPT ends it for this recipient. */
function finish(session: Session, recipient: Recipient, reply: Reply): void {
  recipient.fate = isPermanent(reply) ? 'refused' : 'postponed'
  recipient.final = isPermanent(reply)
  recipient.lastReply = reply
  if (reply.code === 452) session.said452 = true
  fillSlot(session.slots, recipient.slot, reply)
}

export function onRecipientReplied(session: Session, index: number, reply: Reply, at: number): void {
  const recipient = transactionOf(session)?.recipients[index]
  if (recipient?.fate !== 'asked') return
  recipient.shown = reply
  consider(session, recipient, at)
}

export function onRecipientKnown(session: Session, event: Extract<Event, { kind: 'recipientKnown' }>): void {
  const transaction = transactionOf(session)
  const recipient = transaction?.recipients[event.index]
  if (transaction === undefined || recipient?.fate !== 'asked') return
  for (const split of event.splits) transaction.recalled.set(split.id, split)
  recipient.known = true
  const { options } = session
  switch (event.policy.kind) {
    case 'found':
      recipient.policy = event.policy.policy
      break
    case 'unknown':
      recipient.policy = options.defaultPolicy
      break
    case 'failed':
      if (options.policyFailure === 'default') recipient.policy = options.defaultPolicy
      noteFailure(session, recipient, event.policy, event.at)
  }
  if (recipient.policy !== undefined) recipient.group = groupKey(recipient.policy)
  consider(session, recipient, event.at)
}

function noteFailure(
  session: Session,
  recipient: Recipient,
  failed: Extract<PolicyAnswer, { kind: 'failed' }>,
  at: number,
): void {
  session.effects.push({
    do: 'note',
    fact: { kind: 'policyFailed', at, recipient: recipient.address, why: failed.why },
  })
}

/** Once the backend, the policy and the ledger have all spoken. */
function consider(session: Session, recipient: Recipient, at: number): void {
  const { shown } = recipient
  if (shown === undefined || !recipient.known) return
  if (!isPositive(shown)) {
    if (!(isPermanent(shown) && session.options.unknownRecipients === 'conceal')) {
      finish(session, recipient, forClient(shown, replies.backendNonsense))
      return settle(session, at, false)
    }
    // A group of its own, refused only after the text, so that RCPT tells a scanner nothing.
    recipient.concealed = forClient(shown, replies.backendNonsense)
    recipient.group = 'unknown'
  } else if (recipient.policy === undefined) {
    finish(session, recipient, replies.policyUnavailable)
    return settle(session, at, false)
  }
  recipient.fate = 'considered'
  settle(session, at, false)
}

/**
 * Decides over the recipients that are considered and not decided yet. With look-ahead this waits until the batch has ended and
 * everyone in it is known, so that the largest group can go first.
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
  const batch = recipients.filter((recipient) => recipient.fate === 'considered' && recipient.index < upTo)
  if (batch.length === 0) return
  recall(session, transaction, batch, at)
  if (inOrder) for (const recipient of batch) decideBatch(session, transaction, [recipient], at)
  else decideBatch(session, transaction, batch, at)
}

/**
 * Finds the split that this transaction seems to go on with, and what it says of the recipients. More recipients may show that it
 * is another one. Whether the message has to be let through is asked of every split that it may belong to, since a guess that is
 * wrong each time (an older message that nobody sends any more) must not starve this one (rule 5).
 */
function recall(session: Session, transaction: Transaction, batch: readonly Recipient[], at: number): void {
  const offered = transaction.recipients.map((recipient) => recipient.address)
  const candidates = candidatesOf(transaction).filter((split) => openAmong(split, offered) > 0)
  const best = presume(candidates, offered)
  const now = transaction.presumed ? transaction.split : undefined
  if (best !== undefined && (now === undefined || openAmong(best, offered) > openAmong(now, offered)))
    switchSplit(session, transaction, best, at)
  const { split } = transaction
  for (const recipient of batch) {
    const memory = transaction.presumed ? memoryOf(split, recipient.address) : undefined
    if (memory !== undefined) recipient.memory = memory
  }
  for (const candidate of candidates) {
    const why = transaction.unsplit ?? whyUnsplit(candidate, transaction.peer, transaction.trusted)
    if (why !== undefined) transaction.unsplit = why
  }
}

/** Open splits of the ledger that this message may belong to. */
const candidatesOf = (transaction: Transaction): Split[] =>
  [...transaction.recalled.values()].filter(({ id }) => transaction.presumed || id !== transaction.split?.id)

function decideBatch(session: Session, transaction: Transaction, batch: readonly Recipient[], at: number): void {
  noteReturns(transaction, batch, at)
  const splitting = splittingOf(transaction)
  if (splitting === undefined) {
    for (const recipient of batch) {
      // What is concealed can be told after the text only where answers are kept apart; else it has to be told now.
      const { concealed } = recipient
      if (concealed === undefined || transaction.prdr) letThrough(session, recipient)
      else finish(session, recipient, concealed)
    }
    return
  }
  const expected = othersExpected(transaction, batch)
  const offered = batch.map((recipient): Offered => ({
    index: recipient.index,
    group: recipient.group,
    neverDefer: recipient.concealed === undefined && recipient.policy?.neverDefer === true,
    willBeRefused: (splitting !== 'late' && recipient.concealed !== undefined) || mayBeRefused(transaction, recipient),
    hasIt: recipient.memory?.state === 'delivered',
    othersExpected: expected && recipient.memory?.state === 'refused',
  }))
  const choice = choose(offered, transaction.going, { strategy: splitting, first: transaction.peer.first })
  transaction.going = choice.going
  for (const index of choice.through) letThrough(session, recipientAt(transaction, index))
  // An address given twice is one recipient to the ledger: the second can't wait for an answer that the first one gets.
  const goes = new Set(throughOf(transaction).map((recipient) => recipient.address))
  const others = choice.deferred.map((index) => recipientAt(transaction, index))
  for (const twin of others.filter((recipient) => goes.has(recipient.address))) letThrough(session, twin)
  const deferred = others.filter((recipient) => !goes.has(recipient.address))
  for (const recipient of deferred) defer(session, transaction, recipient)
  if (deferred.length > 0) noteDeferrals(session, transaction, deferred, at)
}

/**
 * Refused in a split that this message may belong to, and in none known to have it: if it is another message, going last costs a
 * deferral at most.
 */
function mayBeRefused(transaction: Transaction, { address }: Recipient): boolean {
  const states = candidatesOf(transaction).map((split) => stateOf(split, address)?.state)
  return states.includes('refused') && !states.includes('delivered')
}

/** Others of the presumed message are still without an answer, and were not refused or lost on the last attempt. */
function othersExpected(transaction: Transaction, batch: readonly Recipient[]): boolean {
  const { split, presumed } = transaction
  if (split === undefined || !presumed || split.refusedOnly) return false
  // Those behind this batch were named, but nothing was said to them yet: they are still to come.
  const said = transaction.recipients.filter(({ fate }) => fate !== 'asked' && fate !== 'considered')
  return othersBefore(split, new Set([...said, ...batch].map((recipient) => recipient.address)))
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

function defer(session: Session, transaction: Transaction, recipient: Recipient): void {
  const { deferCode, retryHintSeconds } = transaction.peer
  recipient.fate = 'deferred'
  recipient.lastReply = replies.deferred(deferCode, recipient.path.mailbox, retryHintSeconds)
  if (deferCode === 452) session.said452 = true
  fillSlot(session.slots, recipient.slot, recipient.lastReply)
}
