/**
 * One mail transaction: its envelope and each recipient's fate. A recipient's fate is set once:
 *
 *     asked ──▶ considered ──▶ through ──▶ (answered with the text)
 *       │            └───────▶ deferred       told to come back only to split
 *       └──▶ refused | postponed              5yz or 4yz at RCPT, of the backend's or for a fault
 */
import type { Path } from '../smtp/path.ts'
import type { Parameters } from '../smtp/parameters.ts'
import { isPositive, type Reply } from '../smtp/reply.ts'
import type { OpenLimit } from '../ledger/ledger.ts'
import type { Split, SplitRecipient } from '../split/split.ts'
import type { Arrival, Candidate } from '../split/split-return.ts'
import type { Policy } from '../verdict/policy.ts'
import { isVouched } from '../strategy/auto.ts'
import type { PeerClass } from '../strategy/peer-class.ts'
import type { StrategyName } from '../strategy/names.ts'
import type { Going, Splitting } from '../strategy/choose.ts'
import type { UnsplitReason } from '../split/unsplit.ts'
import type { DeliveryFact, RecipientFact } from '../facts.ts'
import type { Outcome } from '../verdict/answer.ts'
import type { Parcel } from '../verdict/parcels.ts'
import type { ParcelReply, TextEnd } from './effects.ts'
import type { VouchedBy } from '../sender-auth/sender-auth.ts'

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
  final: boolean
  duplicate: boolean
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
  readonly mailSlot: number
  mailAccepted: boolean
  readonly recipients: Recipient[]
  going: Going
  /** Recipients that were told to come again because of `limits.recipients`. */
  beyondLimit: number
  /** Recipients before this index belong to a batch that has ended. */
  batchEnd: number
  unsplit?: UnsplitReason
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
  /** `DATA` and `BDAT` can't be mixed (RFC 3030 4.2). */
  chunking: boolean
  readonly deliveries: DeliveryFact[]
  /** What became of those whom the text was delivered to although they were deferred. */
  judgedAnyway: readonly Outcome[]
  /** What SPF and DKIM said of this message, where they were asked. */
  vouched?: boolean
  score?: number
  symbols?: readonly string[]
  messageId?: string
  sizeBytes: number
  textAt?: number
  judgedAt?: number
  lastReply?: Reply
  text?: TextEnd
  /** What the backend was asked to take, once that is decided. */
  parcels?: readonly Parcel[]
  /** Deliveries of this transaction are in the ledger before they are made. */
  ahead: boolean
  /**
   * While the backend was asked, the client has gone: nobody hears the answer, and it is written
   * down instead (RFC 1047). `maybe`: it has closed its side, and the answer is said, too.
   */
  clientGone: 'no' | 'maybe' | 'yes'
  /** `bounce`: how far the report of the refusals is; absent where there was none to make. */
  bounce?:
    | { readonly state: 'not' }
    | { readonly state: 'ready' | 'reporting' | 'reported' | 'failed'; readonly by: VouchedBy }
  /** What the backend said, while the report is under way. */
  results?: readonly ParcelReply[]
  /** The text goes to the backend while it comes in. */
  streaming: boolean
}

/**
 * Whether SPF or DKIM has passed: for this text, else for that of an earlier attempt; undefined
 * when none was seen.
 */
export function vouchedOf({ vouched, symbols, textAt, split }: Transaction): boolean | undefined {
  if (vouched !== undefined) return vouched
  if (symbols !== undefined && isVouched(symbols)) return true
  // Once the text is known the split is that of this very message.
  return split?.vouched ?? (textAt === undefined ? undefined : false)
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
export const deliveredAnyway = (transaction: Transaction): Recipient[] => {
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

/** Of those, who does not have it and is not known to refuse it. */
export const anywayOf = (transaction: Transaction): Recipient[] =>
  deliveredAnyway(transaction).filter(
    ({ memory }) => memory?.state !== 'delivered' && memory?.state !== 'refused',
  )

export const throughOf = (transaction: Transaction): Recipient[] =>
  transaction.recipients.filter((recipient) => recipient.fate === 'through')

/** Rule 2's condition: anyone got a 4yz at RCPT, from us or from the backend. */
export const anyoneDeferred = (transaction: Transaction): boolean =>
  transaction.beyondLimit > 0 ||
  transaction.recipients.some(
    (recipient) => recipient.fate === 'deferred' || recipient.fate === 'postponed',
  )

/** The split was begun by this transaction, or its text has shown that they belong together. */
export const isCertain = ({ presumed, text }: Transaction): boolean =>
  !presumed || text?.fingerprint !== undefined

/**
 * What happens in this transaction is told of its split: that they belong together is certain, or
 * somebody waits because of it.
 */
export const belongs = (transaction: Transaction): boolean =>
  isCertain(transaction) || transaction.recipients.some(({ fate }) => fate === 'deferred')
