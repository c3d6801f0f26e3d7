/**
 * What happened, as plain data. The log line, the metrics and the console are all derived from
 * these, so that they can't tell different stories. Nobody decides anything from one, but for what
 * `auto` learns (peers/learning.ts). Times are ms since the epoch, durations are ms.
 */
import type { JudgeFact } from './facts/judges.ts'
import type { OfTransaction } from './facts/of-transaction.ts'
import type { SplitOutcome } from './split/split.ts'
import type { ConfigurableStrategy, StrategyName } from './strategy/names.ts'
import type { AutoReason } from './strategy/peer-class.ts'
import type { Reason } from './verdict/reason.ts'

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

export interface RecipientFact {
  readonly address: string
  readonly policy?: string
  /**
   * Number of the group in this transaction, from 1; absent when refused before it was asked for.
   */
  readonly group?: number
  /**
   * `through`: answered with the text. `deferred`: told to come back only to split.
   * `refused`/`postponed`: 5yz or 4yz at RCPT that is not a split.
   */
  readonly fate: 'through' | 'deferred' | 'refused' | 'postponed'
  /** What the policy says of the judged text; absent when there was none. */
  readonly verdict?: VerdictName
  /** Of what became of them in this transaction. */
  readonly reason: Reason
  /** Verdict answered for good in this transaction: counts in recipients_total. */
  readonly final: boolean
  /** The last reply the client was given for this recipient. */
  readonly reply?: string
  /** Acknowledged without a second delivery (rule 6). */
  readonly duplicate?: true
  /** The sender was told of the refusal in a report (strategy `bounce`). */
  readonly reported?: true
  /** It came back after a deferral, this long after it. */
  readonly returnedAfterMs?: number
}

/**
 * Told to come back only to split: at RCPT, or after the text because its refusal has to wait (rule
 * 2).
 */
export const isForcedRetry = ({ fate, final, verdict, reply }: RecipientFact): boolean =>
  fate === 'deferred' ||
  (fate === 'through' && !final && verdict === 'reject' && reply?.startsWith('4') === true)

export interface DeliveryFact {
  readonly recipients: number
  readonly result: 'plain' | 'tagged' | 'quarantined'
  readonly reply: string
  /** The backend's queue id, when its reply has one of a known form. */
  readonly queueId?: string
  readonly ms: number
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
    readonly rdns?: string
    /** Our own address and port that it came to. */
    readonly local?: string
  }
  readonly reversePath: string
  readonly recipients: readonly RecipientFact[]
  readonly mode: TransactionMode
  readonly outcome: TransactionOutcome
  readonly strategy: StrategyName
  /** `auto` has chosen the strategy. */
  readonly chosen?: AutoReason
  /** SPF or DKIM has passed, or has not; absent when no text was seen yet. */
  readonly vouched?: boolean
  /** It goes on with a split: how, next to the attempt before. */
  readonly cameBack?: {
    readonly sameConnection: boolean
    /** At another of our addresses. */
    readonly elsewhere: boolean
    /** From another of its own. */
    readonly otherHost: boolean
  }
  /** What the class's `shadow` would have cost; only with the first attempt of a message. */
  readonly shadow?: { readonly strategy: StrategyName; readonly forcedRetries: number }
  /**
   * Somebody was made to wait at RCPT because this was taken for the return of a split, and it was;
   * or it was another message, which they were given all the same (rule 10); or no text came to
   * tell.
   */
  readonly guess?: 'right' | 'wrong' | 'untold'
  /** Present when the message was let through unsplit, and why (rules 5 and 7). */
  readonly unsplit?: 'forgiven' | 'trusted' | 'too many retries' | 'crowded'
  readonly sizeBytes: number
  readonly messageId?: string
  readonly score?: number
  readonly symbols?: readonly string[]
  readonly deliveries: readonly DeliveryFact[]
  /** The reply to the text, or to DATA when it was refused; the final line of a block. */
  readonly reply?: string
  readonly split?: string
  /**
   * Peer class and strategy of that split's first attempt: the labels of its retries, which may
   * come from elsewhere.
   */
  readonly splitOf?: { readonly peer: string; readonly strategy: StrategyName }
  /** From MAIL: to the end of the text, to the judgement, to the reply. */
  readonly textMs?: number
  readonly judgedMs?: number
  readonly ms: number
}

/** A client's certificate as the log tells it. Nothing is decided by it. */
export interface ClientCertificate {
  readonly subject: string
  readonly issuer: string
  /** SHA-256, 64 hex digits in lower case. */
  readonly fingerprint: string
  /** `yes`, or OpenSSL's code for what is wrong with it. */
  readonly verified: string
}

/** The limits of docs/limits.md, as the metric's label and the log name them. */
export type LimitName =
  | 'sessions'
  | 'sessions_per_address'
  | 'sessions_per_network'
  | 'sessions_of_class'
  | 'connections_per_minute'
  | 'messages_per_minute'
  | 'recipients_per_minute'
  | 'errors_per_minute'
  | 'bounces_per_hour'
  | 'proxy_header'
  | 'message_size'
  | 'recipients'
  | 'text_line'
  | 'header'
  | 'transactions_per_session'
  | 'errors_per_session'
  | 'text_minimum_rate'
  | 'authenticated_connections'
  | 'total_memory'
  | 'total_disk'
  | 'open_splits'
  | 'open_splits_per_sender'
  | 'open_split_bytes_per_sender'
  | 'open_splits_per_client'

/**
 * Why no report can be made: `automatic`, a program or a list has sent the message; `unvouched`,
 * neither SPF nor DKIM vouches for the sender; `limited`, the sender had as many as it may have;
 * `undeliverable`, the backend would not take a report for this sender.
 */
export type NoBounce = 'automatic' | 'unvouched' | 'limited' | 'undeliverable'

/**
 * `failed`: the backend took the report's envelope and not its text; the message was answered 451
 * and comes again.
 */
export type BounceResult = NoBounce | 'reported' | 'failed'

/**
 * `protocol`, `cipher`: nothing in common. `certificate`: the client does not trust ours. `closed`:
 * it went away. `junk`: that was no TLS.
 */
export type TlsFailureReason =
  'protocol' | 'cipher' | 'certificate' | 'time' | 'closed' | 'junk' | 'other'

/**
 * What ended a session, as the log and the metric's label name it. `tls`: the handshake of STARTTLS
 * failed. `foreign`: the client spoke HTTP or the like.
 */
export type SessionEnd =
  | 'quit'
  | 'lost'
  | 'idle'
  | 'text timeout'
  | 'early talker'
  | 'pipelining'
  | 'stray byte'
  | 'foreign'
  | 'errors'
  | 'transactions'
  | 'bad BDAT'
  | 'auth'
  | 'auth line'
  | 'tls'
  | 'shutdown'

export type Fact =
  | TransactionFact
  | {
      readonly kind: 'sessionOpened'
      readonly at: number
      readonly session: string
      readonly peer: string
      readonly address: string
    }
  | {
      readonly kind: 'sessionSecured'
      readonly at: number
      readonly session: string
      readonly peer: string
      readonly protocol: string
      readonly cipher: string
      /** What the client showed; absent when it showed none, or none was asked for. */
      readonly certificate?: ClientCertificate
    }
  | {
      readonly kind: 'tlsFailed'
      readonly at: number
      readonly address: string
      /** Absent when the handshake comes before the session (`tls: implicit`). */
      readonly session?: string
      readonly reason: TlsFailureReason
      /** In words, with OpenSSL's code. */
      readonly why: string
    }
  /** A certificate taken into use: at the start, or because its files have changed. */
  | {
      readonly kind: 'certificateLoaded'
      readonly at: number
      readonly name: string
      readonly file: string
      readonly expiresAt: number
    }
  /** Its files have changed and are wrong: the one in use stays. */
  | {
      readonly kind: 'certificateKept'
      readonly at: number
      readonly file: string
      readonly why: string
    }
  /** Less than 14 days are left; told once a day. */
  | {
      readonly kind: 'certificateExpires'
      readonly at: number
      readonly name: string
      readonly file: string
      readonly expiresAt: number
    }
  | {
      readonly kind: 'sessionClosed'
      readonly at: number
      readonly session: string
      readonly peer: string
      readonly tls: boolean
      readonly address: string
      readonly helo: string
      readonly transactions: number
      readonly why: SessionEnd
      readonly ms: number
    }
  /** A connection that was turned away before a session began. */
  | {
      readonly kind: 'connectionRefused'
      readonly at: number
      readonly address: string
      readonly limit: LimitName
    }
  /**
   * A limit was reached inside a session, or by all together: what the client was told for it is
   * said in docs/limits.md.
   */
  | {
      readonly kind: 'limitReached'
      readonly at: number
      readonly limit: LimitName
      readonly session?: string
      /** Absent outside of one. */
      readonly transaction?: string
      readonly peer?: string
      readonly address?: string
    }
  | (OfTransaction & {
      readonly kind: 'splitOpened'
      readonly at: number
      readonly split: string
      readonly peer: string
      readonly strategy: StrategyName
    })
  | {
      readonly kind: 'splitClosed'
      readonly at: number
      readonly split: string
      /** The last one of this message; absent where none has ended and the store lost the rest. */
      readonly transaction?: string
      readonly peer: string
      readonly strategy: StrategyName
      readonly outcome: SplitOutcome
      readonly durationMs: number
      /** Recipients that were deferred and never seen again; only for `abandoned`. */
      readonly abandonedRecipients: readonly string[]
    }
  | {
      readonly kind: 'strategyChanged'
      readonly at: number
      readonly peer: string
      readonly strategy: ConfigurableStrategy
      readonly until?: number
      readonly by: string
      readonly reset: boolean
    }
  /**
   * Deferred recipients whom nobody offers again: their mail may be lost, or its sender never heard
   * of their refusal.
   */
  | {
      readonly kind: 'recipientsMissing'
      readonly at: number
      readonly split: string
      /** The last one in which somebody of them was offered. */
      readonly transaction?: string
      readonly peer: string
      readonly strategy: StrategyName
      readonly reversePath: string
      readonly messageId?: string
      /** `refused`: they would have been told no. */
      readonly recipients: readonly {
        readonly address: string
        readonly state: 'waiting' | 'refused'
      }[]
      /**
       * Others of the message have it, or have their answer; else the sender knows that it has
       * failed.
       */
      readonly othersAnswered: boolean
      readonly lastAttemptAt: number
      readonly client?: { readonly address: string; readonly rdns?: string }
      readonly vouched: boolean
    }
  /** `auto` serves a sender in another way from now on. */
  | {
      readonly kind: 'senderLearned'
      readonly at: number
      readonly sender: string
      readonly strategy: StrategyName
      readonly why: string
    }
  /** By hand: what was learned of a sender is gone, or does not count. */
  | {
      readonly kind: 'senderChanged'
      readonly at: number
      readonly sender: string
      readonly change: 'pinned' | 'unpinned' | 'forgotten'
      readonly strategy?: StrategyName
      readonly by: string
    }
  /** By an operator, not by a rule. */
  | {
      readonly kind: 'splitForgiven'
      readonly at: number
      readonly split: string
      readonly peer: string
      readonly by: string
    }
  | JudgeFact
  /**
   * Strategy `bounce`: some refused a message that others have, and the sender was told so in a
   * report, or why it was not.
   */
  | (OfTransaction & {
      readonly kind: 'bounce'
      readonly at: number
      readonly session: string
      readonly peer: string
      readonly reversePath: string
      readonly result: BounceResult
      /** Who vouched for the sender: `spf`, `dkim` or `symbols`. */
      readonly by?: string
      /** Whose refusal the report tells. */
      readonly recipients?: number
      /** In words, where there is no report. */
      readonly why?: string
    })
  | (OfTransaction & {
      readonly kind: 'policyFailed'
      readonly at: number
      readonly recipient: string
      /** The source's name, such as `file:/etc/rcptwise/recipients.yaml`. */
      readonly source: string
      readonly why: string
    })
  /** One question to a source of policies, for recipients who were offered together. */
  | {
      readonly kind: 'policiesAsked'
      readonly at: number
      readonly source: string
      readonly recipients: number
      readonly ms: number
    }
  | {
      readonly kind: 'policiesLoaded'
      readonly at: number
      readonly file: string
      readonly entries: number
    }
  | {
      readonly kind: 'policiesKept'
      readonly at: number
      readonly file: string
      readonly why: string
    }
  | {
      readonly kind: 'backendConnected'
      readonly at: number
      readonly server: string
      readonly ms: number
      /** Version of TLS; absent in clear. */
      readonly tls?: string
    }
  | {
      readonly kind: 'backendFailed'
      readonly at: number
      readonly server: string
      readonly step: 'resolve' | 'connect' | 'tls' | 'relay' | 'greeting'
      readonly why: string
      /**
       * Told already: by the `backendEjected` that goes with it, or when it first failed in a row.
       */
      readonly quiet?: true
    }
  /** On a connection that a transaction had. */
  | (OfTransaction & {
      readonly kind: 'backendFailed'
      readonly at: number
      readonly server: string
      readonly step: 'mail' | 'rcpt' | 'data' | 'text'
      readonly why: string
      readonly quiet?: never
    })
  /**
   * A refusal that says something about us or the server's setup, and nothing about the message:
   * its client was told 451.
   */
  | (OfTransaction & {
      readonly kind: 'backendRefusesUs'
      readonly at: number
      readonly server: string
      readonly step: 'mail' | 'rcpt' | 'data' | 'text'
      /** In the server's words. */
      readonly reply: string
    })
  | {
      readonly kind: 'backendRefusesUs'
      readonly at: number
      readonly server: string
      /** Between transactions. */
      readonly step: 'auth'
      readonly reply: string
    }
  /**
   * One address of a server is not used any more, for so long at first; then it is asked until it
   * answers.
   */
  | {
      readonly kind: 'backendEjected'
      readonly at: number
      readonly server: string
      readonly address: string
      readonly why: string
      readonly forMs: number
    }
  /**
   * It turned a connection away while others to it were open: for the time being it gets no more
   * than so many.
   */
  | {
      readonly kind: 'backendFull'
      readonly at: number
      readonly server: string
      readonly address: string
      readonly connections: number
      readonly why: string
    }
  | {
      readonly kind: 'backendReturned'
      readonly at: number
      readonly server: string
      readonly address: string
    }
  | (OfTransaction & {
      readonly kind: 'backendDelivered'
      readonly at: number
      readonly server: string
      readonly code: number
      readonly ms: number
    })
  /**
   * A text could not be kept on its way: the spool directory is full or gone. Its client was told
   * 451.
   */
  | (OfTransaction & { readonly kind: 'spoolFailed'; readonly at: number; readonly why: string })
  | { readonly kind: 'ledgerTrouble'; readonly at: number; readonly why: string }
  | { readonly kind: 'ledgerRecovered'; readonly at: number }
  /** A worker's event loop stands still: it is ended, and `workerLost` follows. */
  | {
      readonly kind: 'workerHung'
      readonly at: number
      readonly slot: number
      readonly pid: number
      /** Nothing came from it for so long. */
      readonly silentMs: number
    }
  /**
   * A worker process has ended by itself: its clients have lost their connections, and come again.
   */
  | {
      readonly kind: 'workerLost'
      readonly at: number
      readonly slot: number
      readonly pid: number
      /** The signal, or the exit code. */
      readonly how: string
      /** Another one takes its place after this time. */
      readonly againMs: number
    }
  /** A changed configuration is used from now on, or it is wrong and the old one goes on. */
  | { readonly kind: 'configLoaded'; readonly at: number; readonly needRestart: readonly string[] }
  | { readonly kind: 'configKept'; readonly at: number; readonly why: readonly string[] }

export type FactListener = (fact: Fact) => void
