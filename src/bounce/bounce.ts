/**
 * Telling the sender in a report (DSN) who has refused a message that others have accepted
 * (strategy `bounce`). First it is asked whether that is possible at all; the report itself is
 * handed over once the others have the message, and before the client hears 250.
 */
import type { TextSource } from '../message/text-source.ts'
import type { Refusal } from '../dsn/report.ts'
import type { NoBounce } from '../facts/bounces.ts'
import type { Reply } from '../smtp/reply.ts'
import type { VouchedBy } from '../sender-auth/sender-auth.ts'

export interface BounceRequest {
  /** The id of the transaction of the message. */
  readonly transaction: string
  /** The client's own address, behind any proxy, and the name of its EHLO or HELO. */
  readonly client: { readonly address: string; readonly helo: string }
  readonly reversePath: {
    /** For the wire, without brackets: one character an octet (octets.ts). */
    readonly mailbox: string
    /** As Unicode. */
    readonly address: string
  }
  /** MAIL's RET and ENVID as they were given, and whether SMTPUTF8 was. */
  readonly ret?: string
  readonly envelopeId?: string
  readonly international: boolean
  /** The report has to be protected as the message was (RFC 8689 5). */
  readonly requireTls: boolean
  readonly messageId?: string
  /** Of the judge. */
  readonly symbols: readonly string[]
  /** ms since the epoch. */
  readonly arrivedAt: number
  /** Complete. */
  readonly text: TextSource
}

export type Prepared =
  | { readonly ready: true; readonly by: VouchedBy }
  /** `words`: for the log. */
  | { readonly ready: false; readonly why: NoBounce; readonly words: string }

export interface Bounce {
  /**
   * Never rejects. When it is ready, the backend has taken the report's envelope and waits for its
   * text.
   */
  prepare(): Promise<Prepared>
  /** After `prepare` was ready. 2yz: the backend has taken the report (rule 1). Never rejects. */
  report(refusals: readonly Refusal[]): Promise<Reply>
  /** Lets go of everything; what is under way ends soon, and with no. */
  abandon(): void
}

export interface Bounces {
  begin(request: BounceRequest): Bounce
}
