/** What happens with connections and sessions: who came, under which limit, and why it ended. */

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

export type SessionFact =
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
