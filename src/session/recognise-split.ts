/**
 * Which split of the ledger this transaction goes on with: as it is taken for before the text, and
 * as the text tells.
 */
import {
  answerRecipients,
  closeIfDone,
  deferRecipients,
  isOpen,
  memoryOf,
  mergeSplits,
  nextVersion,
  released,
} from '../split/split-course.ts'
import { newCandidate, noteReturn, takenForMs, declaredAlike } from '../split/split-return.ts'
import type { Split } from '../split/split.ts'
import type { Session } from './session.ts'
import { throughOf, type Transaction } from './transaction.ts'
import { addresses, recordReturns, beginSplit, noteClosed } from './record-split.ts'
import { known } from '../known.ts'

/**
 * Somebody waits because this transaction was taken for the return of a split. Until it has ended
 * no other one is, and should it turn out to be another message, never again.
 */
export function takeReturn(session: Session, transaction: Transaction): void {
  const { split, recalled } = transaction
  const stored = split === undefined ? undefined : recalled.get(split.id)
  if (split === undefined || stored === undefined || (stored.takenUntil ?? 0) > session.at) return
  transaction.takenFor = stored.id
  const taken = nextVersion({ ...stored, takenUntil: session.at + takenForMs })
  recalled.set(taken.id, taken)
  session.effects.push({ do: 'save', split: taken })
  transaction.split = { ...split, version: taken.version, takenUntil: session.at + takenForMs }
}

/**
 * The text is another message's: whoever was made to wait gets it all the same, and the split is
 * never guessed at again.
 */
function recordMistake(session: Session, transaction: Transaction, fingerprint: string): void {
  const stored = transaction.recalled.get(transaction.takenFor ?? '')
  if (stored === undefined || stored.fingerprint === fingerprint) return
  const noted = nextVersion({ ...released(stored), guessedWrongly: true })
  transaction.recalled.set(noted.id, noted)
  session.effects.push({ do: 'save', split: noted })
  transaction.taken = 'mistaken'
}

/** The text is that of a split in the ledger: how it came back is remembered for the next time. */
function recordReturned(transaction: Transaction): void {
  const { split, recalled, candidates, arrival } = transaction
  const stored = split === undefined ? undefined : recalled.get(split.id)
  if (split === undefined || stored === undefined || stored.fingerprint === undefined) return
  const { inOrder } = candidates.get(stored.id) ?? newCandidate(stored)
  const { returns } = noteReturn(stored, { inOrder }, arrival)
  transaction.split = { ...split, ...known({ returns }) }
  noteReturned(transaction)
}

function noteReturned(transaction: Transaction): void {
  transaction.returned = wentTooEarly(transaction) ? 'by its text alone' : 'as guessed'
}

/**
 * An earlier attempt was still being delivered, and its outcome is known now. What this transaction
 * has found out itself, such as splits that turned out to be of the same message, is kept.
 */
export function takeOver(session: Session, transaction: Transaction, split: Split): void {
  const ours = transaction.split ?? split
  const { version } = split
  if (split.status !== 'open') transaction.overtaken = true
  switchSplit(session, transaction, {
    ...ours,
    version,
    recipients: mergeSplits(split, ours).recipients,
  })
  // Whom that attempt was refused for could not be told apart when this one began.
  if (transaction.returned !== undefined) noteReturned(transaction)
}

/**
 * The text is known: does it belong to the split that was presumed at RCPT? If it is another
 * message, what was presumed is forgotten, those who were made to wait by it get their message at
 * once, and those deferred in this transaction belong to the split of their own message.
 */
export function confirmSplit(session: Session, transaction: Transaction): void {
  const { split, presumed, identity } = transaction
  if (identity === undefined) return
  const { fingerprint } = identity
  recordMistake(session, transaction, fingerprint)
  if (split?.fingerprint !== fingerprint) {
    const right = [...transaction.recalled.values()].find(
      (candidate) => candidate.fingerprint === fingerprint,
    )
    const isAnother =
      presumed &&
      split !== undefined &&
      (split.fingerprint !== undefined || !isWholeIn(transaction, split))
    if (right !== undefined || isAnother) switchSplit(session, transaction, right)
  }
  if (transaction.split === undefined) return
  if (transaction.presumed) recordReturned(transaction)
  absorbTwins(session, transaction, transaction.split, fingerprint)
  // A twin may know of refusals that nothing had told before the text.
  if (transaction.returned !== undefined) noteReturned(transaction)
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
): void {
  const { recipients, split: before, presumed } = transaction
  if (before !== undefined && !presumed) retire(session, transaction, before)
  delete transaction.split
  transaction.presumed = split !== undefined
  if (split !== undefined) transaction.split = split
  for (const recipient of recipients) {
    delete recipient.memory
    delete recipient.returnedAfterMs
    const memory = memoryOf(split, recipient.address)
    if (memory !== undefined) recipient.memory = memory
  }
  recordReturns(transaction, recipients, session.at)
  const deferred = recipients.filter((recipient) => recipient.fate === 'deferred')
  if (deferred.length === 0) return
  transaction.split = deferRecipients(
    transaction.split ?? beginSplit(session, transaction),
    addresses(deferred),
    session.at,
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
  fingerprint: string,
): void {
  let merged = split
  const here = new Set([...addresses(split.recipients), ...addresses(transaction.recipients)])
  for (const twin of transaction.recalled.values()) {
    if (twin.id === split.id) continue
    const open = twin.recipients.filter(isOpen)
    const nameless =
      twin.fingerprint === undefined &&
      declaredAlike(twin, transaction.arrival) &&
      open.every(({ address }) => here.has(address))
    if (twin.fingerprint !== fingerprint && !nameless) continue
    // Attempts in vain before any text may have been another message's (rule 5).
    const { idleAttempts, forgiven } = merged
    merged = mergeSplits(merged, twin)
    if (nameless) merged = { ...merged, idleAttempts, forgiven }
    retire(session, transaction, twin)
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
function retire(session: Session, transaction: Transaction, begun: Split): void {
  transaction.recalled.delete(begun.id)
  const all = answerRecipients(begun, addresses(begun.recipients))
  const retired = nextVersion(closeIfDone(all, session.at))
  session.effects.push({ do: 'save', split: retired })
  noteClosed(session, retired)
}

/**
 * Somebody who is refused went through beside or before others, since nothing told early enough
 * which message this is.
 */
const wentTooEarly = (transaction: Transaction): boolean =>
  transaction.going.kind !== 'refused' &&
  throughOf(transaction).some(({ memory }) => memory?.state === 'refused')
