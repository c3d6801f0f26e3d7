/**
 * What a transaction means for the ledger: which split it goes on with or begins, and how that
 * split stands afterwards.
 */
import { splitClosed } from '../split/split-closed.ts'
import {
  answerRecipients,
  closeIfDone,
  countAsSplit,
  deferRecipients,
  endAttempt,
  expectRecipients,
  isOpen,
  keepDelivery,
  keepJudged,
  keepRefusal,
  memoryOf,
  mergeSplits,
  nextVersion,
  released,
  oweAcknowledgement,
  returnRecipients,
  settleDelivery,
  startSplit,
  stateOf,
} from '../split/split-course.ts'
import {
  inOfferedOrder,
  newCandidate,
  noteReturn,
  takenForMs,
  toldAlike,
} from '../split/split-return.ts'
import type { Split } from '../split/split.ts'
import { isPermanent, isPositive } from '../smtp/reply.ts'
import type { Answer, Outcome } from '../verdict/answer.ts'
import { attemptOf } from './attempt.ts'
import type { Presence } from './answering.ts'
import { withOutcomes } from './outcomes.ts'
import type { Session } from './session.ts'
import {
  isCertain,
  type Recipient,
  servingOf,
  splittingOf,
  throughOf,
  type Transaction,
} from './transaction.ts'

const addresses = (recipients: readonly { readonly address: string }[]): string[] =>
  recipients.map((recipient) => recipient.address)

/**
 * They came back: the delay is told once per recipient and return. Kept in the working copy until
 * the text confirms it.
 */
export function noteReturns(
  transaction: Transaction,
  recipients: readonly Recipient[],
  at: number,
): void {
  const { split } = transaction
  if (split === undefined || !transaction.presumed) return
  const remembered = recipients.filter((recipient) => recipient.memory !== undefined)
  const returned = returnRecipients(split, addresses(remembered), at)
  transaction.split = returned.split
  for (const recipient of remembered) {
    const delay = returned.delays.get(recipient.address)
    if (delay !== undefined) recipient.returnedAfterMs = delay
  }
}

/**
 * A new split is written before its client is told, so that a return is known across a crash; a
 * presumed one waits for the text.
 */
export function noteDeferrals(
  session: Session,
  transaction: Transaction,
  recipients: readonly Recipient[],
  at: number,
): void {
  const deferred = deferRecipients(
    transaction.split ?? beginSplit(session, transaction, at),
    addresses(recipients),
    at,
  )
  transaction.split = withOutcomes(deferred, transaction, recipients, at)
  if (!transaction.presumed) saveSplit(session, transaction)
}

/** `deliveries only`: nobody is deferred, and no metric of splits knows of it until somebody is. */
export function beginSplit(
  session: Session,
  transaction: Transaction,
  at: number,
  kind: 'split' | 'deliveries only' = 'split',
): Split {
  const { peer, sender, arrival } = transaction
  const id = session.oracle.newId()
  const strategy = servingOf(transaction)
  const split = startSplit({
    id,
    at,
    transaction: transaction.id,
    reversePath: sender,
    peer: peer.name,
    strategy,
    told: arrival.told,
  })
  if (kind === 'deliveries only') return { ...split, deliveriesOnly: true }
  noteOpened(session, transaction, split, at)
  return split
}

function noteOpened(session: Session, transaction: Transaction, split: Split, at: number): void {
  const { id, peer, strategy } = split
  session.effects.push({
    do: 'note',
    fact: { kind: 'splitOpened', at, transaction: transaction.id, split: id, peer, strategy },
  })
}

export function saveSplit(session: Session, transaction: Transaction): void {
  if (transaction.split === undefined) return
  transaction.split = nextVersion(transaction.split)
  session.effects.push({ do: 'save', split: transaction.split })
}

/**
 * Somebody waits because this transaction was taken for the return of a split. Until it has ended
 * no other one is, and should it turn out to be another message, never again.
 */
export function takeReturn(session: Session, transaction: Transaction, at: number): void {
  const { split, recalled } = transaction
  const stored = split === undefined ? undefined : recalled.get(split.id)
  if (split === undefined || stored === undefined || (stored.takenUntil ?? 0) > at) return
  transaction.takenFor = stored.id
  const taken = nextVersion({ ...stored, takenUntil: at + takenForMs })
  recalled.set(taken.id, taken)
  session.effects.push({ do: 'save', split: taken })
  transaction.split = { ...split, version: taken.version, takenUntil: at + takenForMs }
}

/**
 * The text is another message's: whoever was made to wait gets it all the same, and the split is
 * never guessed at again.
 */
function noteMistake(session: Session, transaction: Transaction, fingerprint: string): void {
  const stored = transaction.recalled.get(transaction.takenFor ?? '')
  if (stored === undefined || stored.fingerprint === fingerprint) return
  const noted = nextVersion({ ...released(stored), guessedWrongly: true })
  transaction.recalled.set(noted.id, noted)
  session.effects.push({ do: 'save', split: noted })
  transaction.taken = 'mistaken'
}

/** The text is that of a split in the ledger: how it came back is remembered for the next time. */
function noteReturned(transaction: Transaction): void {
  const { split, recalled, candidates, arrival } = transaction
  const stored = split === undefined ? undefined : recalled.get(split.id)
  if (split === undefined || stored === undefined || stored.fingerprint === undefined) return
  const { inOrder } = candidates.get(stored.id) ?? newCandidate(stored)
  const { returns } = noteReturn(stored, { inOrder }, arrival)
  transaction.split = { ...split, ...(returns === undefined ? {} : { returns }) }
  transaction.returned = wentTooEarly(transaction) ? 'by its text alone' : 'as guessed'
}

/**
 * An earlier attempt was still being delivered, and its outcome is known now. What this transaction
 * has found out itself, such as splits that turned out to be of the same message, is kept.
 */
export function takeOver(
  session: Session,
  transaction: Transaction,
  split: Split,
  at: number,
): void {
  const ours = transaction.split ?? split
  const { version } = split
  switchSplit(
    session,
    transaction,
    { ...ours, version, recipients: mergeSplits(split, ours).recipients },
    at,
  )
}

/**
 * The text is known: does it belong to the split that was presumed at RCPT? If it is another
 * message, what was presumed is forgotten, those who were made to wait by it get their message at
 * once, and those deferred in this transaction belong to the split of their own message.
 */
export function confirmSplit(session: Session, transaction: Transaction, at: number): void {
  const { split, presumed, identity } = transaction
  if (identity === undefined) return
  const { fingerprint } = identity
  noteMistake(session, transaction, fingerprint)
  if (split?.fingerprint !== fingerprint) {
    const right = [...transaction.recalled.values()].find(
      (candidate) => candidate.fingerprint === fingerprint,
    )
    const isAnother =
      presumed &&
      split !== undefined &&
      (split.fingerprint !== undefined || !isWholeIn(transaction, split))
    if (right !== undefined || isAnother) switchSplit(session, transaction, right, at)
  }
  if (transaction.split === undefined) return
  if (transaction.presumed) noteReturned(transaction)
  absorbTwins(session, transaction, transaction.split, { fingerprint, at })
  transaction.split = { ...transaction.split, ...identity }
}

/**
 * All whom it waits for are offered here. Until its text is seen a split is known by them alone,
 * and of another message's split they would wait for ever.
 */
function isWholeIn({ recipients }: Transaction, split: Split): boolean {
  const here = new Set(addresses(recipients))
  return split.recipients.every((each) => !isOpen(each) || here.has(each.address))
}

/**
 * Goes on with `split` of the ledger, or none, in place of the one that this transaction has
 * presumed or begun.
 */
export function switchSplit(
  session: Session,
  transaction: Transaction,
  split: Split | undefined,
  at: number,
): void {
  const { recipients, split: before, presumed } = transaction
  if (before !== undefined && !presumed) retire(session, transaction, before, at)
  delete transaction.split
  transaction.presumed = split !== undefined
  if (split !== undefined) transaction.split = split
  for (const recipient of recipients) {
    delete recipient.memory
    delete recipient.returnedAfterMs
    const memory = memoryOf(split, recipient.address)
    if (memory !== undefined) recipient.memory = memory
  }
  noteReturns(transaction, recipients, at)
  const deferred = recipients.filter((recipient) => recipient.fate === 'deferred')
  if (deferred.length === 0) return
  transaction.split = deferRecipients(
    transaction.split ?? beginSplit(session, transaction, at),
    addresses(deferred),
    at,
  )
}

/**
 * Other splits of the same message: its recipients came in several transactions (Exim's max_rcpt,
 * `limits.recipients`), each of which began one. One without a fingerprint belongs here if all whom
 * it waits for do.
 */
function absorbTwins(
  session: Session,
  transaction: Transaction,
  split: Split,
  { fingerprint, at }: { readonly fingerprint: string; readonly at: number },
): void {
  let merged = split
  const here = new Set([...addresses(split.recipients), ...addresses(transaction.recipients)])
  for (const twin of transaction.recalled.values()) {
    if (twin.id === split.id) continue
    const open = twin.recipients.filter(isOpen)
    const nameless =
      twin.fingerprint === undefined &&
      toldAlike(twin, transaction.arrival) &&
      open.every(({ address }) => here.has(address))
    if (twin.fingerprint !== fingerprint && !nameless) continue
    merged = mergeSplits(merged, twin)
    retire(session, transaction, twin, at)
  }
  if (merged === split) return
  transaction.split = merged
  transaction.presumed = true
  for (const recipient of transaction.recipients) {
    const memory = memoryOf(merged, recipient.address)
    if (memory !== undefined && (recipient.fate === 'through' || recipient.fate === 'deferred'))
      recipient.memory = memory
  }
}

/**
 * A split that was begun in this transaction before its message was found in the ledger: it is part
 * of that one.
 */
function retire(session: Session, transaction: Transaction, begun: Split, at: number): void {
  transaction.recalled.delete(begun.id)
  const all = answerRecipients(begun, addresses(begun.recipients))
  const retired = nextVersion(closeIfDone(all, at))
  session.effects.push({ do: 'save', split: retired })
  noteClosed(session, retired, at)
}

/**
 * Who was refused at RCPT never comes back, in no message of this sender: other splits need not
 * wait for them, also where no text told which of the splits this message belongs to.
 */
function noteRefused(session: Session, transaction: Transaction, at: number): void {
  const refused = addresses(
    transaction.recipients.filter(({ fate, shown }) => fate === 'refused' && shown !== undefined),
  )
  if (refused.length === 0) return
  for (const other of transaction.recalled.values()) {
    // Who has that message, or may get it at this moment, is refused for this one alone: a mailbox
    // that is full now.
    const gone = refused.filter((address) =>
      ['waiting', 'refused'].includes(stateOf(other, address)?.state ?? ''),
    )
    if (other.id === transaction.split?.id || gone.length === 0) continue
    const told = transaction.recipients.filter(({ address }) => gone.includes(address))
    const split = withOutcomes(answerRecipients(other, gone), transaction, told, at)
    const answered = nextVersion(closeIfDone(split, at))
    session.effects.push({ do: 'save', split: answered })
    noteClosed(session, answered, at)
  }
}

export interface Told {
  readonly answer: Answer
  /** What became of those whom the text was delivered to although they were deferred. */
  readonly judgedAnyway: readonly Outcome[]
  readonly client: Presence
}

/**
 * After the answer: who is done, who is owed what. Begins a split where the answer left something
 * to keep.
 */
export function keepAnswer(
  session: Session,
  transaction: Transaction,
  { answer, judgedAnyway, client }: Told,
  at: number,
): void {
  noteRefused(session, transaction, at)
  const keeps = answer.refusalsKept.length > 0 || answer.deliveredUnsaid.length > 0
  if (transaction.split === undefined) {
    const { identity } = transaction
    // Without the message's identity nothing may be kept: the next message to the same people would
    // be taken for it.
    if (!keeps || identity === undefined) return
    transaction.split = { ...beginSplit(session, transaction, at), ...identity }
  }
  let split = transaction.split
  let progress = answer.final.length > 0
  for (const kept of answer.refusalsKept) {
    progress ||= stateOf(split, kept.address)?.state !== 'refused'
    split = keepRefusal(split, kept.address, kept.reply, at)
  }
  for (const delivered of answer.deliveredUnsaid) {
    progress ||= transaction.recipients[delivered.index]?.duplicate !== true
    split = keepDelivery(split, delivered.address, at)
  }
  for (const { address, reply } of judgedAnyway) {
    const judged = isPositive(reply) || isPermanent(reply)
    progress ||= judged
    if (judged) split = keepJudged(split, address, isPositive(reply) ? undefined : reply)
  }
  const taking = answer.final.filter(({ reply }) => isPositive(reply))
  split = answerRecipients(split, addresses(answer.final), new Set(addresses(taking)))
  const unheard = unheardOf(transaction, client, taking)
  if (unheard.length > 0) split = oweAcknowledgement(split, unheard)
  transaction.split = split
  const told = new Set(
    [...answer.final, ...answer.refusalsKept, ...answer.deliveredUnsaid].map(({ index }) => index),
  )
  // The backend's own 4yz, greylisting for one, is no sign of a sender that can't be split.
  const trouble = throughOf(transaction).some(({ index }) => !told.has(index))
  finishAttempt(session, transaction, {
    progress,
    trouble,
    forcedRetry: keptBack(transaction, answer),
    at,
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
  transaction.recipients.some((recipient) => recipient.fate === 'deferred')

/**
 * The client left before the text was complete, nobody went through, or the text was refused for
 * its form or for `trouble` here.
 */
export function keepAbort(
  session: Session,
  transaction: Transaction,
  trouble: boolean,
  at: number,
): void {
  noteRefused(session, transaction, at)
  if (transaction.split === undefined) return
  const forcedRetry = transaction.recipients.some((recipient) => recipient.fate === 'deferred')
  // Which message it was was never known, and nobody was made to wait or refused for good: it says
  // nothing of this split.
  if (!forcedRetry && !isCertain(transaction) && refusedOf(transaction).length === 0) return
  finishAttempt(session, transaction, { progress: false, trouble, forcedRetry, at })
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
  readonly at: number
}

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
  if (certain) split = keepTold(transaction, split)
  // The client left before it had shown its text: nobody knows whether the guess was right
  // (senders: nullmailer).
  else if (transaction.takenFor === split.id) split = { ...split, guessedWrongly: true }
  if (split.deliveriesOnly === true && !result.forcedRetry && !keepsDeliveries(split))
    split = answerRecipients(split, addresses(split.recipients))
  if (split.deliveriesOnly === true && result.forcedRetry) {
    split = countAsSplit(split)
    noteOpened(session, transaction, split, result.at)
  }
  split = endAttempt(split, {
    ...result,
    refusedOnly,
    progress: result.progress || refused.length > 0,
    // Only what we caused counts for rule 5: a full mailbox or greylisting behind us is no sign of
    // a sender that can't be split.
    trouble: result.trouble || recipients.some(({ fate }) => fate === 'postponed'),
    recognised:
      transaction.returned === 'by its text alone' && splittingOf(transaction) !== undefined,
  })
  if (transaction.unsplit === 'forgiven' || transaction.unsplit === 'too many retries')
    split = { ...split, forgiven: true }
  // Of whom nobody knows yet whether they belong to this message there is nothing to say.
  const known = certain
    ? recipients
    : recipients.filter(({ fate }) => fate === 'deferred' || fate === 'refused')
  split = withOutcomes(split, transaction, known, result.at)
  const attempt = certain || result.forcedRetry ? attemptOf(session, transaction) : {}
  split = closeIfDone({ ...split, ...attempt }, result.at)
  transaction.split = split
  saveSplit(session, transaction)
  if (split.status !== 'open') noteClosed(session, split, result.at)
}

/**
 * Somebody who is refused went through beside or before others, since nothing told early enough
 * which message this is.
 */
const wentTooEarly = (transaction: Transaction): boolean =>
  transaction.going.kind !== 'refused' &&
  throughOf(transaction).some(({ memory }) => memory?.state === 'refused')

/** By which the next attempt of this message will be known before its text. */
function keepTold({ arrival, recipients }: Transaction, split: Split): Split {
  const postponed = addresses(recipients.filter(({ fate }) => fate === 'postponed'))
  return { ...inOfferedOrder(split, addresses(recipients)), told: arrival.told, postponed }
}

export function noteClosed(session: Session, split: Split, at: number): void {
  const fact = splitClosed(split, at)
  if (fact !== undefined) session.effects.push({ do: 'note', fact })
}
