/**
 * Which message this may be the return of, before its text tells: what was told and who is offered
 * speak for a split of the ledger, or against it (rules 5, 6 and 10).
 */
import { memoryOf, nextVersion, othersBefore, stateOf } from '../split/split-course.ts'
import {
  type Candidate,
  isRefusedWhole,
  likeliest,
  mayBeReturn,
  maySpeakFor,
  newCandidate,
  noteOffer,
  seemsReturn,
  triedInVain,
  declaredAlike,
} from '../split/split-return.ts'
import { type UnsplitReason, whyUnsplit } from '../split/unsplit.ts'
import { switchSplit } from './recognise-split.ts'
import { type Session, transactionOf } from './session.ts'
import {
  firstAskedOf,
  type Recipient,
  splittingOf,
  throughOf,
  type Transaction,
} from './transaction.ts'

/**
 * The server behind would not take anything for them now, perhaps since this very message has
 * filled their mailbox. Whoever may have it, or is being given it by an attempt whose sender has
 * gone, and has nothing else to wait for is told after the text,
 * which shows whether they do (rule 6): else the sender would hear that it could not be delivered.
 */
export function mayHaveIt(session: Session, { address }: Recipient): boolean {
  const transaction = transactionOf(session)
  if (transaction === undefined) return false
  const { recalled, arrival } = transaction
  const states = [...recalled.values()]
    .filter((split) => declaredAlike(split, arrival))
    .flatMap((split) => memoryOf(split, address)?.state ?? [])
  return (
    states.length > 0 && states.every((state) => state === 'delivered' || state === 'delivering')
  )
}

/** To let them go first would be in vain in a message that this may be, as far as MAIL has told. */
export const mayGoInVain = ({ recalled, arrival }: Transaction, { address }: Recipient): boolean =>
  [...recalled.values()].some(
    (split) => declaredAlike(split, arrival) && triedInVain(stateOf(split, address)) > 0,
  )

/**
 * Finds the split that this transaction goes on with, as far as can be told before the text. What
 * is counted goes to the likeliest one; only if everything that was told speaks for it may somebody
 * be made to wait because of it (rule 10). More recipients may show that it is another message.
 */
export function recall(
  session: Session,
  transaction: Transaction,
  batch: readonly Recipient[],
): void {
  // Of most senders nothing is open.
  if (transaction.recalled.size === 0 && transaction.candidates.size === 0) return
  followCandidates(transaction, batch)
  if (transaction.candidates.size === 0) return
  const { arrival } = transaction
  const possible = [...transaction.candidates.values()].filter((candidate) =>
    mayBeReturn(candidate, arrival),
  )
  // DATA stands behind them, and all have been looked at: nobody else is offered.
  const whole =
    session.held !== undefined && firstAskedOf(transaction) === transaction.recipients.length
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
    if (best !== undefined || transaction.presumed) switchSplit(session, transaction, best)
  }
  if (guess === undefined && !returnsRefused(transaction)) goOnTogether(transaction)
  transaction.taken = guess === undefined ? 'for nothing' : 'guessed'
  for (const recipient of batch) {
    const memory = transaction.presumed ? memoryOf(transaction.split, recipient.address) : undefined
    if (memory !== undefined) recipient.memory = memory
  }
  forgive(transaction, guess, possible)
}

/** It offers all who are left of the message that this may be, and their refusals are kept. */
export function returnsRefused({ split, presumed, candidates, arrival }: Transaction): boolean {
  const candidate = presumed && split !== undefined ? candidates.get(split.id) : undefined
  return candidate !== undefined && isRefusedWhole(candidate, arrival)
}

/** What is known of a recipient in all messages that this may be. */
export interface Standing {
  /** How little it would help to let them go first. */
  readonly inVain: number
  /** Their refusal is kept in one of them. */
  readonly refused: boolean
}

const nothingKnown = (): Standing => unknown
const unknown: Standing = { inVain: 0, refused: false }

export function standingIn({ candidates, arrival }: Transaction): (of: Recipient) => Standing {
  if (candidates.size === 0) return nothingKnown
  const possible = [...candidates.values()].filter((candidate) => mayBeReturn(candidate, arrival))
  return ({ address }) => {
    const known = possible.map(({ byAddress }) => byAddress.get(address))
    return {
      inVain: known.reduce((sum, one) => sum + triedInVain(one), 0),
      refused: known.some((one) => one?.state === 'refused'),
    }
  }
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
  const speaking = asked.filter((candidate) => whyForgiven(transaction, candidate) !== undefined)
  const [first] = speaking
  const why = first === undefined ? undefined : whyForgiven(transaction, first)
  if (why === undefined) return withdrawForgiveness(transaction)
  // Trusted, or kept unsplit by a limit.
  if (transaction.unsplit !== undefined && transaction.forgivenFor === undefined) return
  transaction.unsplit = why
  transaction.forgivenFor = speaking.map(({ split }) => split.id)
}

/**
 * It is another message after all: it is split like any other. Who has gone through already, though
 * they do not share an answer, goes on as with `late`.
 */
function withdrawForgiveness(transaction: Transaction): void {
  if (transaction.forgivenFor === undefined) return
  const [first] = throughOf(transaction)
  delete transaction.unsplit
  delete transaction.forgivenFor
  if (first === undefined) return
  const group = splittingOf(transaction) === 'late' ? '' : first.group
  transaction.going = { kind: 'group', group }
}

/**
 * The text shows that it is another message than those it was let through for. It is split like any
 * other, unless people who do not share an answer have gone through already. Those others speak for
 * none again before a further attempt of theirs makes no progress: else one that never comes back
 * would let through all that looks like it.
 */
export function endAnothersForgiveness(session: Session, transaction: Transaction): void {
  const { forgivenFor, split, recalled, identity } = transaction
  if (forgivenFor === undefined || identity === undefined) return
  // What was taken up into this message's own split is not in the ledger any more.
  if (!forgivenFor.every((id) => split?.id !== id && recalled.has(id))) return
  for (const id of forgivenFor) {
    const other = recalled.get(id)
    if (other === undefined || other.idleAttempts === 0) continue
    const silenced = nextVersion({ ...other, idleAttempts: 0 })
    recalled.set(id, silenced)
    session.effects.push({ do: 'save', split: silenced })
  }
  const [first, ...others] = throughOf(transaction)
  if (others.every(({ group }) => group === first?.group)) withdrawForgiveness(transaction)
}

const whyForgiven = (
  { peer, trusted }: Transaction,
  { split }: Candidate,
): UnsplitReason | undefined => whyUnsplit(split, peer, trusted)

/**
 * The message may be one that can't be answered in parts any more. Then an address that does not
 * exist is refused at RCPT: nobody can be lenient about it.
 */
export const endsConcealing = (transaction: Transaction, batch: readonly Recipient[]): boolean =>
  batch.some(({ concealed }) => concealed !== undefined) &&
  [...transaction.candidates.values()].some(
    (candidate) =>
      mayBeReturn(candidate, transaction.arrival) &&
      whyForgiven(transaction, candidate) !== undefined,
  )

/**
 * Others of the message that this is taken for are still without an answer, and were not refused or
 * lost on the last attempt.
 */
export function othersExpected(transaction: Transaction, batch: readonly Recipient[]): boolean {
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
