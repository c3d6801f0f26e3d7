/** What a transaction means for the ledger: which split it goes on with or begins, and how that split stands afterwards. */
import {
  answerRecipients,
  closeIfDone,
  deferRecipients,
  endAttempt,
  expectRecipients,
  isOpen,
  keepDelivery,
  keepRefusal,
  nextVersion,
  returnRecipients,
  startSplit,
  stateOf,
} from '../ledger/split-course.ts'
import type { Split } from '../ledger/split.ts'
import type { Answer } from '../verdict/answer.ts'
import type { TextEnd } from './effects.ts'
import type { Session } from './session.ts'
import { type Recipient, servingOf, type Transaction } from './transaction.ts'

const addresses = (recipients: readonly { readonly address: string }[]): string[] =>
  recipients.map((recipient) => recipient.address)

/** They came back: the delay is told once per recipient and return. Kept in the working copy until the text confirms it. */
export function noteReturns(transaction: Transaction, recipients: readonly Recipient[], at: number): void {
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

/** A new split is written before its client is told, so that a return is known across a crash; a presumed one waits for the text. */
export function noteDeferrals(
  session: Session,
  transaction: Transaction,
  recipients: readonly Recipient[],
  at: number,
): void {
  transaction.split = deferRecipients(
    transaction.split ?? beginSplit(session, transaction, at),
    addresses(recipients),
    at,
  )
  if (!transaction.presumed) save(session, transaction)
}

function beginSplit(session: Session, transaction: Transaction, at: number): Split {
  const { peer, sender } = transaction
  const id = session.options.newId()
  const strategy = servingOf(transaction)
  session.effects.push({ do: 'note', fact: { kind: 'splitOpened', at, split: id, peer: peer.name, strategy } })
  return startSplit({ id, at, reversePath: sender, peer: peer.name, strategy })
}

function save(session: Session, transaction: Transaction): void {
  if (transaction.split === undefined) return
  transaction.split = nextVersion(transaction.split)
  session.effects.push({ do: 'save', split: transaction.split })
}

/**
 * The text is known: does it belong to the split that was presumed at RCPT? If it is another message, what was presumed is
 * forgotten (it cost a deferral at most), and those deferred in this transaction belong to a split of their own.
 */
export function confirmSplit(session: Session, transaction: Transaction, text: TextEnd, at: number): void {
  const { split, presumed } = transaction
  if (split === undefined || text.fingerprint === undefined) return
  if (presumed && split.fingerprint !== undefined && split.fingerprint !== text.fingerprint) {
    delete transaction.split
    transaction.presumed = false
    for (const recipient of transaction.recipients) {
      delete recipient.memory
      delete recipient.returnedAfterMs
    }
    const right = [...transaction.recalled.values()].find((candidate) => candidate.fingerprint === text.fingerprint)
    const adopted = right === undefined ? undefined : adopt(transaction, right, at)
    const deferred = transaction.recipients.filter((recipient) => recipient.fate === 'deferred')
    if (deferred.length > 0) {
      transaction.split = deferRecipients(adopted ?? beginSplit(session, transaction, at), addresses(deferred), at)
    }
  }
  if (transaction.split === undefined) return
  const { fingerprint, messageId } = text
  transaction.split = { ...transaction.split, fingerprint, ...(messageId === undefined ? {} : { messageId }) }
}

function adopt(transaction: Transaction, split: Split, at: number): Split {
  transaction.split = split
  transaction.presumed = true
  for (const recipient of transaction.recipients) {
    const memory = stateOf(split, recipient.address)
    if (memory !== undefined && isOpen(memory)) recipient.memory = memory
  }
  noteReturns(transaction, transaction.recipients, at)
  return transaction.split
}

/** After the answer: who is done, who is owed what. Begins a split where the answer left something to keep. */
export function keepAnswer(session: Session, transaction: Transaction, answer: Answer, at: number): void {
  const keeps = answer.refusalsKept.length > 0 || answer.deliveredUnsaid.length > 0
  if (transaction.split === undefined) {
    if (!keeps) return
    const { fingerprint, messageId } = transaction.text ?? {}
    transaction.split = {
      ...beginSplit(session, transaction, at),
      ...(fingerprint === undefined ? {} : { fingerprint }),
      ...(messageId === undefined ? {} : { messageId }),
    }
  }
  let split = transaction.split
  let progress = answer.final.length > 0
  for (const kept of answer.refusalsKept) {
    progress ||= stateOf(split, kept.address)?.state !== 'refused'
    split = keepRefusal(split, kept.address, kept.reply, at)
  }
  for (const delivered of answer.deliveredUnsaid) {
    progress ||= stateOf(split, delivered.address)?.state !== 'delivered'
    split = keepDelivery(split, delivered.address, at)
  }
  split = answerRecipients(split, addresses(answer.final))
  transaction.split = split
  finishAttempt(session, transaction, { progress, forcedRetry: keptBack(transaction, answer), at })
}

const keptBack = (transaction: Transaction, answer: Answer): boolean =>
  answer.refusalsKept.length > 0 || transaction.recipients.some((recipient) => recipient.fate === 'deferred')

/** The client left before the text was complete, or its text was refused for its form. */
export function keepAbort(session: Session, transaction: Transaction, ourFault: boolean, at: number): void {
  if (transaction.split === undefined) return
  const forcedRetry = transaction.recipients.some((recipient) => recipient.fate === 'deferred') && !ourFault
  finishAttempt(session, transaction, { progress: false, forcedRetry, at })
}

interface AttemptResult {
  readonly progress: boolean
  readonly forcedRetry: boolean
  readonly at: number
}

function finishAttempt(session: Session, transaction: Transaction, result: AttemptResult): void {
  if (transaction.split === undefined) return
  const { recipients, split: before } = transaction
  const refusedOnly =
    recipients.length > 0 &&
    recipients.every((recipient) => recipient.fate === 'deferred' && recipient.memory?.state === 'refused')
  const refused = recipients.filter(
    (recipient) => recipient.fate === 'refused' && isOpen(stateOf(before, recipient.address)),
  )
  // Who went through without an answer takes part in the message too, and comes back with the others.
  const unanswered = recipients.filter((recipient) => recipient.fate === 'through' && !recipient.final)
  let split = expectRecipients(answerRecipients(before, addresses(refused)), addresses(unanswered))
  split = endAttempt(split, { ...result, refusedOnly, progress: result.progress || refused.length > 0 })
  if (transaction.unsplit === 'forgiven' || transaction.unsplit === 'too many retries')
    split = { ...split, forgiven: true }
  split = closeIfDone(split, result.at)
  transaction.split = split
  save(session, transaction)
  if (split.status === 'open') return
  session.effects.push({
    do: 'note',
    fact: {
      kind: 'splitClosed',
      at: result.at,
      split: split.id,
      peer: split.peer,
      strategy: split.strategy,
      outcome: split.status,
      durationMs: result.at - split.startedAt,
      abandonedRecipients: [],
    },
  })
}
