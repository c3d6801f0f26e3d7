/**
 * Who of the recipients that came together goes through, and who is deferred: once the backend, the
 * policies and the ledger have spoken of all of them.
 */
import { type Choice, choose, type Offered, type Splitting } from '../strategy/choose.ts'
import { overruled } from '../verdict/reason.ts'
import { byBackend, defer, finish, letThrough } from './answer-rcpt.ts'
import { keepUnsplit } from './crowded.ts'
import {
  endsConcealing,
  mayGoInVain,
  othersExpected,
  recall,
  returnsRefused,
  standingIn,
} from './guess-return.ts'
import { takeReturn } from './recognise-split.ts'
import { recordDeferrals, recordReturns } from './record-split.ts'
import { type Session, transactionOf } from './session.ts'
import {
  firstAskedOf,
  firstOpenOf,
  type Recipient,
  splittingOf,
  type Transaction,
} from './transaction.ts'

/**
 * Decides over the recipients that are considered and not decided yet. With look-ahead this waits
 * until the batch has ended and everyone in it is known, so that the largest group can go first.
 */
export function settle(session: Session, batchEnded: boolean): void {
  const transaction = transactionOf(session)
  if (transaction === undefined || session.state.at !== 'envelope') return
  const { recipients } = transaction
  if (batchEnded) transaction.batchEnd = recipients.length
  if (firstOpenOf(transaction) === recipients.length) return
  const splitting = splittingOf(transaction)
  const inOrder = splitting !== undefined && goesInOrder(transaction)
  const waitsForBatch = splitting !== undefined && !inOrder
  const firstAsked = firstAskedOf(transaction)
  if (waitsForBatch && (transaction.batchEnd < recipients.length || firstAsked < recipients.length))
    return
  const upTo = inOrder ? firstAsked : recipients.length
  const batch = recipients
    .slice(firstOpenOf(transaction), upTo)
    .filter(({ fate }) => fate === 'considered')
  if (batch.length === 0) return
  recall(session, transaction, batch)
  if (inOrder) for (const recipient of batch) decideBatch(session, transaction, [recipient])
  else decideBatch(session, transaction, batch)
}

/**
 * `first: offered`: each is decided as it comes, unless it may be in vain to let the first one go.
 * Then it is looked whether somebody else can go first.
 */
function goesInOrder(transaction: Transaction): boolean {
  const { peer, going, recipients } = transaction
  if (peer.first !== 'offered') return false
  if (going.kind !== 'nobody') return true
  const open = recipients.slice(firstOpenOf(transaction))
  const next = open.find(({ fate }) => fate === 'considered')
  return next === undefined || !mayGoInVain(transaction, next)
}

function decideBatch(
  session: Session,
  transaction: Transaction,
  batch: readonly Recipient[],
): void {
  recordReturns(transaction, batch, session.at)
  const defers = splittingOf(transaction) === 'group' || splittingOf(transaction) === 'single'
  if (defers && transaction.taken !== 'guessed') keepUnsplit(session, transaction)
  const splitting = splittingOf(transaction)
  if (splitting === undefined) return letAllThrough(session, transaction, batch)
  if (endsConcealing(transaction, batch)) tellConcealed(session, batch)
  const kept = batch.filter(({ fate }) => fate === 'considered')
  const choice = choose(offeredOf(transaction, kept, splitting), transaction.going, {
    strategy: splitting,
    first: transaction.peer.first,
  })
  transaction.going = choice.going
  const deferred = carryOut(session, transaction, choice)
  if (deferred.length === 0) return
  // Where everyone else goes through, or the refused ones go alone, each deferral is the guess's.
  const all = splitting === 'late' || choice.going.kind === 'refused'
  const byGuess = deferred.filter(
    ({ memory }) => transaction.taken === 'guessed' && (all || memory?.state === 'refused'),
  )
  for (const recipient of byGuess) {
    recipient.byGuess = true
    recipient.reason = overruled('guess', recipient.memory?.outcome?.reason)
  }
  recordDeferrals(session, transaction, deferred)
  if (byGuess.length > 0) takeReturn(session, transaction)
}

/** One reply has to do for all of them, or each has one of their own (PRDR). */
function letAllThrough(
  session: Session,
  transaction: Transaction,
  batch: readonly Recipient[],
): void {
  for (const recipient of batch) {
    // What is concealed can be told after the text only where answers are kept apart; else it has
    // to be told now.
    const { concealed } = recipient
    if (concealed === undefined || transaction.prdr || hasIt(recipient))
      letThrough(session, transaction, recipient)
    else finish(session, recipient, byBackend(concealed))
  }
}

function tellConcealed(session: Session, batch: readonly Recipient[]): void {
  for (const recipient of batch)
    if (recipient.concealed !== undefined && !hasIt(recipient))
      finish(session, recipient, byBackend(recipient.concealed))
}

const hasIt = ({ memory }: Recipient): boolean => memory?.state === 'delivered'

/** What the choice goes by. */
function offeredOf(
  transaction: Transaction,
  batch: readonly Recipient[],
  splitting: Splitting,
): readonly Offered[] {
  const expected = othersExpected(transaction, batch)
  // One group after the other would be asked in vain. Should it be another message, all who are
  // here share an answer, or have it at once.
  const together = splitting === 'group' && returnsRefused(transaction)
  const standing = standingIn(transaction)
  return batch.map((recipient): Offered => {
    const { index, group, concealed, policy, memory } = recipient
    const { inVain, refused: refusedInOne } = standing(recipient)
    const refused = (transaction.taken === 'guessed' || together) && memory?.state === 'refused'
    return {
      index,
      group,
      neverDefer: concealed === undefined && policy?.neverDefer === true,
      willBeRefused:
        refused || (splitting !== 'late' && concealed !== undefined && !hasIt(recipient)),
      inVain: splitting === 'late' ? 0 : inVain,
      // Who shares an answer that is not theirs costs nobody anything: the text decides, and who
      // accepts has it at once. But not beside others where this may as well be what they refuse.
      hasIt: hasIt(recipient) && !refusedInOne,
      othersExpected: expected && refused,
    }
  })
}

/** Gives those who are deferred. */
function carryOut(session: Session, transaction: Transaction, choice: Choice): Recipient[] {
  for (const index of choice.through)
    letThrough(session, transaction, recipientAt(transaction, index))
  // An address given twice is one recipient to the ledger: the second can't wait for an answer that
  // the first one gets.
  const deferred: Recipient[] = []
  for (const { index, why } of choice.deferred) {
    const recipient = recipientAt(transaction, index)
    if (transaction.through.has(recipient.address)) letThrough(session, transaction, recipient)
    else deferred.push(defer(session, transaction, recipient, why))
  }
  return deferred
}

function recipientAt(transaction: Transaction, index: number): Recipient {
  const recipient = transaction.recipients[index]
  if (recipient === undefined) throw new Error(`no recipient ${index} in this transaction`)
  return recipient
}
