/**
 * One mail transaction: its envelope, each recipient's fate, and the split that it belongs to. What
 * is made of its text is in the steps to the answer (answering.ts). A recipient's fate is set once:
 *
 *     asked ──▶ considered ──▶ through ──▶ (answered with the text)
 *       │            └───────▶ deferred       told to come back only to split
 *       └──▶ refused | postponed              5yz or 4yz at RCPT, of the backend's or for a fault
 */
import type { Path } from '../smtp/path.ts'
import type { Parameters } from '../smtp/parameters.ts'
import { isPositive, type Reply } from '../smtp/reply.ts'
import type { OpenLimit } from '../ledger/ledger.ts'
import type { MessageIdentity, Split, SplitRecipient } from '../split/split.ts'
import type { Arrival, Candidate } from '../split/split-return.ts'
import type { Policy } from '../verdict/policy.ts'
import type { PeerClass } from '../strategy/peer-class.ts'
import type { StrategyName } from '../strategy/names.ts'
import type { Going, Splitting } from '../strategy/choose.ts'
import type { UnsplitReason } from '../split/unsplit.ts'
import type { RecipientFact } from '../facts/transaction.ts'
import type { Reason } from '../verdict/reason.ts'

export type Fate = 'asked' | 'considered' | 'through' | 'deferred' | 'refused' | 'postponed'

export interface Recipient {
  readonly index: number
  readonly path: Path
  readonly parameters: Parameters
  /** Key for the ledger: lower case. */
  readonly address: string
  readonly slot: number
  fate: Fate
  /** The backend's answer to RCPT. */
  shown?: Reply
  policy?: Policy
  /** Recipients of one group can share an answer. */
  group: string
  /** The policy's source and the ledger have both answered. */
  known: boolean
  /** A refusal of the backend that is told only after the text (`unknown_recipients: conceal`). */
  concealed?: Reply
  /** What the presumed split says of this recipient. */
  memory?: SplitRecipient
  returnedAfterMs?: number
  lastReply?: Reply
  verdict?: RecipientFact['verdict']
  /** Set together with what it is the reason for. */
  reason: Reason
  /** What is said to who is refused or deferred, where it is not what is usually said. */
  verdictReply?: Reply
  final: boolean
  duplicate: boolean
  /** The backend has taken the message for them in this transaction. */
  taken?: { readonly queueId?: string }
  /** The refusal is in a report that the backend has taken. */
  reported?: true
  /**
   * Deferred only because the transaction was taken for the return of a split in which they are
   * refused.
   */
  byGuess?: true
}

export interface Transaction {
  /** SESSION.N, in everything that is told or kept of it. */
  readonly id: string
  readonly startedAt: number
  readonly reversePath: Path
  readonly parameters: Parameters
  /** Key for the ledger. */
  readonly sender: string
  readonly prdr: boolean
  readonly peer: PeerClass
  readonly trusted: boolean
  /** Undefined: MAIL was answered before the backend had heard of it. */
  readonly mailSlot: number | undefined
  /** What the backend then said against it: the answer to each RCPT. */
  mailRefused?: Reply
  readonly recipients: Recipient[]
  /** Addresses of those who went through at RCPT. */
  readonly through: Set<string>
  going: Going
  /** Recipients that were told to come again because of `limits.recipients`. */
  beyondLimit: number
  /** Recipients before this index belong to a batch that has ended. */
  batchEnd: number
  /** Recipients before these indexes are asked for no more, and are decided: see below. */
  readonly passed: { asked: number; open: number }
  unsplit?: UnsplitReason
  /** The splits for whose sake it is let through unsplit, before its text has told. */
  forgivenFor?: readonly string[]
  /** The limit that keeps this message from beginning a split. */
  crowded?: OpenLimit
  /** Open splits in which someone of this transaction takes part. */
  readonly recalled: Map<string, Split>
  /** Of these: others have written to them since. */
  readonly contested: Set<string>
  /** The same, with what speaks for and against each while recipients are offered. */
  readonly candidates: Map<string, Candidate>
  /** What was told by which a return may be known. */
  readonly arrival: Arrival
  /** The split that this transaction goes on with or began, as it will be saved. */
  split?: Split
  /** It was in the ledger before this transaction; its fingerprint has to agree. */
  presumed: boolean
  /**
   * Rule 10. `guessed`: everything told speaks for a return of `split`, and who is refused in it
   * may be made to wait. `mistaken`: somebody was, and the text is another message's.
   */
  taken: 'for nothing' | 'guessed' | 'mistaken'
  /** The split for whose sake somebody waits. */
  takenFor?: string
  /**
   * The text has shown that this is a return of `split`: as was guessed, or too late for those who
   * are refused in it to wait for the others.
   */
  returned?: 'as guessed' | 'by its text alone'
  /**
   * `split` was closed while this transaction waited for an earlier attempt: the sender has had its
   * answers in a later one.
   */
  overtaken?: true
  /** Of its text, once that is complete. */
  sizeBytes?: number
  /** For people who look for the message; once its text has told. */
  messageId?: string
  /** Which message this is, once its text has told and somebody wanted to know. */
  identity?: MessageIdentity
  /**
   * A filter wants everyone to come again, and was obeyed: nobody waits for another's sake, and
   * what the sender makes of it is no lesson about how it takes a split.
   */
  deferredByJudge?: true
  /**
   * What SPF and DKIM say of this text; `not asked`: it is complete, and nothing vouches for it.
   */
  senderAuth: 'no text' | 'not asked' | 'vouched' | 'not vouched'
  lastReply?: Reply
  /** What would have been decided is found out behind its end (`mode: observe`). */
  observed?: true
  /** Whose delivery is in the ledger before it is made. */
  intended: readonly string[]
}

/**
 * Whether SPF or DKIM has passed: for this text, else for that of an earlier attempt; undefined
 * when none was seen.
 */
export function vouchedOf({ senderAuth, split }: Transaction): boolean | undefined {
  switch (senderAuth) {
    case 'vouched':
      return true
    case 'not vouched':
      return false
    case 'not asked':
      // Once the text is known the split is that of this very message.
      return split?.vouched ?? false
    case 'no text':
      return split?.vouched
  }
}

/** Which serving is in force for a legacy client. */
export function servingOf(transaction: Transaction): StrategyName {
  const { unsplit, peer } = transaction
  if (unsplit !== undefined) return peer.forgiveAs
  return peer.unvouchedAs !== undefined && vouchedOf(transaction) === false
    ? peer.unvouchedAs
    : peer.strategy
}

/**
 * How a client without PRDR is split; undefined where one reply has to do for all that it offers.
 */
export function splittingOf(transaction: Transaction): Splitting | undefined {
  if (transaction.prdr) return undefined // who is trusted is served unsplit, whatever the strategy
  const serving = servingOf(transaction)
  return serving === 'group' || serving === 'single' || serving === 'late' ? serving : undefined
}

/**
 * Deferred at RCPT and delivered to at once all the same: with `deliver_deferred`, and whom a wrong
 * guess has made to wait for another message's sake (rule 10).
 */
export const deliveredAnyway = (transaction: Transaction): readonly Recipient[] => {
  if (!transaction.recipients.some(isDeferred)) return nobody
  const splitting = splittingOf(transaction)
  const all = transaction.peer.deliverDeferred && (splitting === 'group' || splitting === 'single')
  return transaction.recipients.filter(
    ({ fate, shown, byGuess }) =>
      fate === 'deferred' &&
      shown !== undefined &&
      isPositive(shown) &&
      (all || (byGuess === true && transaction.taken === 'mistaken')),
  )
}

const nobody: readonly Recipient[] = []
const isDeferred = ({ fate }: Recipient): boolean => fate === 'deferred'

/** Of those, who does not have it and is not known to refuse it. */
export const anywayOf = (transaction: Transaction): readonly Recipient[] =>
  those(deliveredAnyway(transaction), isOpen)

const isOpen = ({ memory }: Recipient): boolean =>
  memory?.state !== 'delivered' && memory?.state !== 'refused'

/**
 * The index of the first recipient of whom the backend, a policy or the ledger has not spoken yet;
 * their number where there is none. A fate is set once, so that nobody is looked at again.
 */
export function firstAskedOf({ recipients, passed }: Transaction): number {
  while (recipients[passed.asked]?.fate !== 'asked' && passed.asked < recipients.length)
    passed.asked += 1
  return passed.asked
}

/** The same for the first one who is not decided yet. */
export function firstOpenOf({ recipients, passed }: Transaction): number {
  while (passed.open < recipients.length && !isUndecided(recipients[passed.open])) passed.open += 1
  return passed.open
}

const isUndecided = (recipient: Recipient | undefined): boolean =>
  recipient?.fate === 'asked' || recipient?.fate === 'considered'

/** Whom this is true of. Nearly always it is all of them. */
export const those = (
  recipients: readonly Recipient[],
  are: (recipient: Recipient) => boolean,
): readonly Recipient[] => (recipients.every(are) ? recipients : recipients.filter(are))

export const throughOf = ({ recipients }: Transaction): readonly Recipient[] =>
  those(recipients, isThrough)

const isThrough = ({ fate }: Recipient): boolean => fate === 'through'

/**
 * Addresses of all who may get the message in this attempt or a later one, in an order that does
 * not depend on the sender's.
 */
export const offeredIn = ({ recipients }: Transaction): readonly string[] => {
  const offered = recipients.filter(
    ({ fate, concealed }) => fate !== 'refused' && concealed === undefined,
  )
  const [only] = offered
  if (only !== undefined && offered.length === 1) return [only.address]
  return [...new Set(offered.map(({ address }) => address))].sort()
}

/** Rule 2's condition: anyone got a 4yz at RCPT, from us or from the backend. */
export const anyoneDeferred = (transaction: Transaction): boolean =>
  transaction.beyondLimit > 0 ||
  transaction.recipients.some(
    (recipient) => recipient.fate === 'deferred' || recipient.fate === 'postponed',
  )

/** The split was begun by this transaction, or its text has shown that they belong together. */
export const isCertain = ({ presumed, identity }: Transaction): boolean =>
  !presumed || identity !== undefined

/**
 * What happens in this transaction is told of its split: that they belong together is certain, or
 * somebody waits because of it.
 */
export const belongs = (transaction: Transaction): boolean =>
  isCertain(transaction) || transaction.recipients.some(({ fate }) => fate === 'deferred')
