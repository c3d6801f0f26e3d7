/** How one transaction ended: the fact that log line, metrics and console have most from. */
import type { StrategyName } from '../strategy/names.ts'
import type { AutoReason } from '../strategy/peer-class.ts'
import type { Reason } from '../verdict/reason.ts'
import type { OfTransaction } from './of-transaction.ts'

/**
 * `prdr`: the client asked for it. `plain`: one answer for all, nobody deferred. `split`: someone
 * was deferred, or a split went on.
 */
export type TransactionMode = 'prdr' | 'plain' | 'split'

/**
 * How a transaction ended. `accepted`: 250 for all that went through; `mixed`: a block with
 * different answers; `refused` 5yz and `deferred` 4yz after the text or because nobody went
 * through; `aborted`: RSET, QUIT or a lost client before the text was complete.
 */
export type TransactionOutcome = 'accepted' | 'mixed' | 'refused' | 'deferred' | 'aborted'

export type VerdictName = 'accept' | 'tag' | 'quarantine' | 'discard' | 'reject' | 'defer'

export interface Taken {
  /** Its queue id, when its reply has one of a known form. */
  readonly queueId?: string
}

export interface RecipientFact {
  readonly address: string
  readonly policy?: string | undefined
  /**
   * Number of the group in this transaction, from 1; absent when refused before it was asked for.
   */
  readonly group?: number | undefined
  /**
   * `through`: answered with the text. `deferred`: told to come back only to split.
   * `refused`/`postponed`: 5yz or 4yz at RCPT that is not a split.
   */
  readonly fate: 'through' | 'deferred' | 'refused' | 'postponed'
  /** What the policy says of the judged text; absent when there was none. */
  readonly verdict?: VerdictName | undefined
  /** Of what became of them in this transaction. */
  readonly reason: Reason
  /** Verdict answered for good in this transaction: counts in recipients_total. */
  readonly final: boolean
  /** The last reply the client was given for this recipient. */
  readonly reply?: string | undefined
  /** The server behind took the message for them in this transaction, whatever the client heard. */
  readonly taken?: Taken | undefined
  /** Acknowledged without a second delivery (rule 6). */
  readonly duplicate?: true | undefined
  /** The sender was told of the refusal in a report (strategy `bounce`). */
  readonly reported?: true | undefined
  /** It came back after a deferral, this long after it. */
  readonly returnedAfterMs?: number | undefined
}

/**
 * Told to come back only to split: at RCPT, or after the text because its refusal has to wait (rule
 * 2).
 */
export const isForcedRetry = ({ fate, final, verdict, reply }: RecipientFact): boolean =>
  fate === 'deferred' ||
  (fate === 'through' && !final && verdict === 'reject' && reply?.startsWith('4') === true)

/** What one judge said of the text. */
export interface JudgedFact {
  readonly judge: string
  readonly result: 'scored' | 'forced' | 'silent' | 'failed'
  readonly score?: number
  readonly symbols?: readonly string[]
  /** It failed, or was not asked. */
  readonly why?: string
}

export interface DeliveryFact {
  readonly recipients: number
  readonly result: 'plain' | 'tagged' | 'quarantined'
  readonly reply: string
  /** The backend's queue id, when its reply has one of a known form. */
  readonly queueId?: string
  readonly ms: number
}

/** The header section of its text has told what the message is called. */
export interface MessageIdFact extends OfTransaction {
  readonly kind: 'messageIdRead'
  readonly at: number
  readonly messageId: string
}

export interface TransactionFact extends OfTransaction {
  readonly kind: 'transactionEnded'
  readonly at: number
  readonly session: string
  readonly peer: string
  readonly client: {
    readonly address: string
    readonly port: number
    readonly helo: string
    readonly tls: boolean
    /** Its name, when one was looked up that leads back to its address. */
    readonly rdns?: string | undefined
    /** Our own address and port that it came to. */
    readonly local?: string | undefined
  }
  readonly reversePath: string
  readonly recipients: readonly RecipientFact[]
  readonly mode: TransactionMode
  readonly outcome: TransactionOutcome
  readonly strategy: StrategyName
  /**
   * It was passed on as if nobody stood between (`mode: observe`); true: behind it comes what would
   * have been, or that nobody knows.
   */
  readonly observed?: boolean | undefined
  /** `auto` has chosen the strategy. */
  readonly chosen?: AutoReason | undefined
  /** SPF or DKIM has passed, or has not; absent when no text was seen yet. */
  readonly vouched?: boolean | undefined
  /** It goes on with a split: how, next to the attempt before. */
  readonly cameBack?:
    | {
        readonly sameConnection: boolean
        /** At another of our addresses. */
        readonly elsewhere: boolean
        /** From another of its own. */
        readonly otherHost: boolean
      }
    | undefined
  /** A filter has told all who went through to come again, in its own words. */
  readonly deferredByJudge?: true | undefined
  /** What the class's `shadow` would have cost; only with the first attempt of a message. */
  readonly shadow?: { readonly strategy: StrategyName; readonly forcedRetries: number } | undefined
  /**
   * Somebody was made to wait at RCPT because this was taken for the return of a split, and it was;
   * or it was another message, which they were given all the same (rule 10); or no text came to
   * tell.
   */
  readonly guess?: 'right' | 'wrong' | 'untold' | undefined
  /** Present when the message was let through unsplit, and why (rules 5 and 7). */
  readonly unsplit?:
    'forgiven' | 'trusted' | 'too many retries' | 'crowded' | 'draining' | undefined
  readonly sizeBytes: number
  readonly messageId?: string | undefined
  readonly score?: number | undefined
  readonly symbols?: readonly string[] | undefined
  /** In the order of the configuration; absent where none was asked. */
  readonly judges?: readonly JudgedFact[] | undefined
  readonly deliveries: readonly DeliveryFact[]
  /** The reply to the text, or to DATA when it was refused; the final line of a block. */
  readonly reply?: string | undefined
  readonly split?: string | undefined
  /**
   * Peer class and strategy of that split's first attempt: the labels of its retries, which may
   * come from elsewhere.
   */
  readonly splitOf?: { readonly peer: string; readonly strategy: StrategyName } | undefined
  /** From MAIL: to the end of the text, to the judgement, to the reply. */
  readonly textMs?: number | undefined
  readonly judgedMs?: number | undefined
  readonly ms: number
}
