/**
 * A split: one message that is being answered in parts, from its first deferral to its last
 * recipient's answer. Plain data: a ledger stores it whole and knows nothing of its meaning; its
 * transitions are in split-course.ts. Pure.
 *
 *     waiting ──▶ refused ──▶ answered        a recipient's way: deferred; verdict known but kept back (rule 2); answered for good
 *      │  ▲ │        delivered ──▶ answered   has the message, the acknowledgement is still owed (rule 6)
 *      │  │ └▶ delivering ─┘ │                the backend is being asked to take it ahead of the reply; it did not: waiting again
 *      │  └────────┴─────────┘
 *      └───────────────────────▶ answered
 */
import type { Reply } from '../smtp/reply.ts'
import type { StrategyName } from '../strategy/names.ts'
import type { Reason } from '../verdict/reason.ts'
import type { KeptReply } from './kept-reply.ts'

/** Which message this is, across the attempts of one sender (fingerprint.ts). */
export interface MessageIdentity {
  /** 64 hexadecimal digits. */
  readonly fingerprint: string
  /** The first Message-ID, white space collapsed, at most 250 characters. For people; not a key. */
  readonly messageId?: string
}

export type SplitOutcome = 'completed' | 'forgiven' | 'abandoned'

/**
 * `waiting`: deferred, not judged. `refused`: will get `reply` when alone. `delivering`: the
 * backend was asked to take it, `by` whom it says; once nobody is at it any more (a crash) it is
 * not known whether it did. `delivered`: has it; owed its 250. `answered`: done.
 */
export type RecipientState = 'waiting' | 'refused' | 'delivering' | 'delivered' | 'answered'

/** Who is at a delivery. */
export interface Deliverer {
  /** Which process, on which machine (listen/deliverer.ts). */
  readonly process: string
  /** It is over by then, ms since the epoch. */
  readonly until: number
}

/** Where an attempt came from. */
export interface SplitAttempt {
  readonly session: string
  /** Its id in facts, log and Received field. */
  readonly transaction: string
  /** Of the client. */
  readonly address: string
  /** The client's name that leads back to its address. */
  readonly rdns?: string
  /** Our own address and port that it came to. */
  readonly local?: string
}

/**
 * What a sender tells of a message before its text, by which its return may be known
 * (split-return.ts).
 */
export interface Declared {
  /**
   * Whose host it is, as senders are learned (peers/sender-name.ts): a farm comes back from another
   * host.
   */
  readonly sender: string
  /** SIZE of MAIL, octets (RFC 1870); absent where none was declared. */
  readonly size?: number
  /** ENVID of MAIL (RFC 3461 4.4). */
  readonly envid?: string
}

/** How this message was seen to return; known by its text. */
export interface Returns {
  /** From the end of an attempt to the beginning of the next one, ms. */
  readonly shortestMs: number
  readonly longestMs: number
  /** The recipients came in another order than before. */
  readonly reordered?: true
}

/** What a transaction has made of a recipient, and why. */
export interface RecipientOutcome {
  /** Its id. */
  readonly transaction: string
  readonly reason: Reason
  /** The answer that was given for good, and when; absent where they were told to come back. */
  readonly reply?: KeptReply
  readonly at?: number
}

export interface SplitRecipient {
  /** Canonical address. */
  readonly address: string
  readonly state: RecipientState
  /** The refusal kept for when the recipient is alone (rule 2). */
  readonly reply?: Reply
  /** `delivering`: who is at it. */
  readonly by?: Deliverer
  /** The last delivery that has come to nothing: who still has it as under way is behind. */
  readonly over?: Deliverer
  /** When it was last told to come back, ms since the epoch; absent when it never was. */
  readonly deferredAt?: number
  /**
   * `answered` with 250. If this recipient is offered again while the split is open, the sender
   * never read that 250.
   */
  readonly has?: true
  /** How often it was told to come back only to split. */
  readonly deferrals: number
  /** Of the last transaction in which it was offered; kept with the split when that is closed. */
  readonly outcome?: RecipientOutcome
  /** When it was noticed that nobody offers it again (ledger/missing.ts), ms since the epoch. */
  readonly missingAt?: number
}

export interface Split {
  /** Random, 16 characters of base32; in logs and in `rcptwise splits`. */
  readonly id: string
  /** Counts writes, so that two nodes can't overwrite one another. */
  readonly version: number
  /** The id of the transaction that has opened it. */
  readonly openedBy: string
  /** Canonical reverse-path, empty for the null one. */
  readonly reversePath: string
  /** Peer class and strategy of the first attempt: the labels of all its metrics. */
  readonly peer: string
  readonly strategy: StrategyName
  /** ms since the epoch. */
  readonly startedAt: number
  readonly lastAttemptAt: number
  /** The last one. */
  readonly attempt?: SplitAttempt
  /** Of the last attempt. */
  readonly declared?: Declared
  /** Absent until it was seen to return. */
  readonly returns?: Returns
  /**
   * How many returns were known by their text alone, after nobody was deferred for them at RCPT.
   */
  readonly recognised?: number
  /**
   * Another message was taken for its return once, or may have been since no text came; that
   * happens to no message twice.
   */
  readonly guessedWrongly?: true
  /** A transaction is under way that was taken for its return; ms since the epoch. */
  readonly takenUntil?: number
  /** Whom the server behind told to come back in the last attempt. */
  readonly postponed?: readonly string[]
  /** SPF or DKIM has passed for its text, or has not; absent until a text was seen. */
  readonly vouched?: boolean
  /** Of the message (split/fingerprint.ts); absent until a text was seen. */
  readonly fingerprint?: string
  /** For people; not a key. */
  readonly messageId?: string
  /**
   * Transactions of this message in which someone was deferred, but for those who refuse where the
   * sender had to come again anyway.
   */
  readonly forcedRetries: number
  /** Attempts in a row in which nobody got further (rule 5). */
  readonly idleAttempts: number
  readonly status: 'open' | SplitOutcome
  /** ms since the epoch, when status is no longer open. */
  readonly closedAt?: number
  /** Set once it is let through unsplit from now on (rule 5); it ends as `forgiven`. */
  readonly forgiven: boolean
  /**
   * Nobody was deferred to split: it is kept only for who has the message (RFC 1047), and counts in
   * no metric of splits.
   */
  readonly deliveriesOnly?: true
  /**
   * In the last attempt only recipients whose refusal is known were offered, and kept waiting for
   * the others in vain.
   */
  readonly refusedOnly: boolean
  /**
   * Whom the first attempt whose text was seen has named, sorted. Filters that greylist are asked
   * with them in each attempt: a group alone would be another message to them.
   */
  readonly firstRecipients?: readonly string[]
  /**
   * In the last attempt a filter has told everyone to come again: whether they do says nothing of
   * how their sender takes a split.
   */
  readonly deferredByJudge?: true
  readonly recipients: readonly SplitRecipient[]
}
