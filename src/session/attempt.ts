/**
 * Where an attempt came from and who vouches for it: what `auto` learns from, kept with its split
 * until the next one.
 */
import type { TransactionFact } from '../facts/transaction.ts'
import type { Split, SplitAttempt } from '../split/split.ts'
import { shadowCost } from '../strategy/shadow.ts'
import type { Session } from './session.ts'
import { belongs, type Transaction, vouchedOf } from './transaction.ts'
import { known } from '../known.ts'

/** To be kept with the split. */
export function attemptOf(
  session: Session,
  transaction: Transaction,
): Pick<Split, 'attempt' | 'vouched'> {
  const { address, rdns, local } = session.client
  const attempt: SplitAttempt = {
    session: session.id,
    transaction: transaction.id,
    address,
    ...known({ rdns, local }),
  }
  const vouched = vouchedOf(transaction)
  return { attempt, ...known({ vouched }) }
}

type Learnable = Pick<TransactionFact, 'vouched' | 'cameBack' | 'chosen' | 'shadow'>

interface Seen {
  readonly recipients: TransactionFact['recipients']
  readonly textSeen: boolean
}

/** What the fact of the transaction says for `auto` and `shadow`. */
export function learnable(
  session: Session,
  transaction: Transaction,
  { recipients, textSeen }: Seen,
): Learnable {
  const { peer, split, recalled } = transaction
  const vouched = vouchedOf(transaction)
  const before =
    split === undefined || !belongs(transaction) ? undefined : recalled.get(split.id)?.attempt
  const { local, address } = session.client
  // Whom a filter tells to come again is counted when they do.
  const isWhole = textSeen && transaction.deferredByJudge !== true
  const first = isWhole && !transaction.prdr && !transaction.trusted && before === undefined
  return {
    vouched,
    chosen: peer.chosen,
    cameBack: before && {
      sameConnection: before.session === session.id,
      elsewhere: before.local !== local,
      otherHost: before.address !== address,
    },
    shadow:
      peer.shadow === undefined || !first
        ? undefined
        : { strategy: peer.shadow, forcedRetries: shadowCost(peer.shadow, recipients, peer) },
  }
}
