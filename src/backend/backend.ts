/**
 * The legacy MTA behind, as a session sees it: one transaction that is shown the envelope as it
 * comes, and then asked to take the text for one or several sets of recipients.
 *
 * Obligations of an implementation:
 * - Nothing throws or rejects for a backend that is away or says nonsense: that is a 4yz reply of
 *   our own (replies.ts).
 * - A 2yz in a ParcelReply means that the backend has said 250 to the end of the text, and nothing
 *   else does (rule 1).
 * - After `abandon` no event comes any more, and nothing that was not yet committed is delivered.
 */
import type { Revision } from '../message/edits.ts'
import type { TextSource } from '../message/text-source.ts'
import type { Extensions } from '../smtp/ehlo.ts'
import type { Reply } from '../smtp/reply.ts'
import type { ClientAttributes } from '../smtp/xclient.ts'

/** What the backend answers to the envelope, in the order in which it was shown. */
export interface EnvelopeListener {
  mailReplied(reply: Reply): void
  recipientReplied(index: number, reply: Reply): void
}

export interface DeliveryOrder {
  /** What stands behind `MAIL FROM:`. */
  readonly mail: string
  /** Indices of the recipients that are in the envelope which the backend was shown. */
  readonly shown: readonly number[]
  readonly parcels: readonly {
    /** What stands behind `RCPT TO:`. */
    readonly recipients: readonly { readonly index: number; readonly argument: string }[]
    /** What is changed in the text for them. */
    readonly edits: Revision
    /** The envelope differs from the one that was shown although the indices agree. */
    readonly redirected: boolean
  }[]
}

export interface ParcelResultReply {
  readonly reply: Reply
  /**
   * Recipients with another answer than `reply`: refused when the envelope was shown anew, or each
   * answered on its own (LMTP, PRDR).
   */
  readonly own: ReadonlyMap<number, Reply>
  readonly ms: number
}

export interface DeliveryListener {
  /** As soon as the answer to it is there. */
  parcelDelivered(parcel: number, result: ParcelResultReply): void
  /** All of them, in order: the last that is told. */
  delivered(results: readonly ParcelResultReply[]): void
}

export interface MailOptions {
  /**
   * Answers of their own for the recipients can be told to the client, so a backend that has a
   * choice (PRDR) is asked for them.
   */
  readonly each?: boolean
  /** Nobody waits for the answer before there is a recipient. */
  readonly withRcpt?: boolean
}

export interface BackendTransaction {
  /**
   * `argument` is what stands behind `MAIL FROM:` and `RCPT TO:`. With `withRcpt` the backend may
   * hear of it with the first recipient only, and be answered no sooner.
   */
  mail(argument: string, options?: MailOptions): void
  rcpt(index: number, argument: string): void
  /**
   * Parcels are sent one after the other; a lost connection ends only the parcel under way. No
   * promise: the usual message has one parcel, whose answer is told as it comes.
   */
  deliver(order: DeliveryOrder, text: TextSource, listener: DeliveryListener): void
  /** A text is being given to the backend, or was: it may have taken it. */
  readonly committing: boolean
  abandon(): void
}

/** One client's private backend connection, from its AUTH on. */
export interface OwnBackend {
  /**
   * One line of an authentication (RFC 4954); the answer in the backend's words, or 454 when there
   * is none.
   */
  say(line: string, onReply: (reply: Reply) => void): void
  begin(id: string, listener: EnvelopeListener): BackendTransaction
  end(): void
}

/** AUTH of one client, line by line. */
export interface ClientAuth {
  say(line: string, client: ClientAttributes, onReply: (reply: Reply) => void): void
  end(): void
}

/** A backend as sessions use it: mail goes through it, and nothing else. */
export interface Backend {
  /** Absent: it can't. Nothing is asked of it before `say`. */
  authenticate?(client: ClientAttributes): OwnBackend
  /** The EHLO as it was last seen; empty while none was. */
  extensions(): Extensions
  /**
   * `id`: of the client's transaction, for facts. `client`: whom it is for; told to a backend that
   * wants to know. `mayAuthenticate`: it may say AUTH, so a backend's wish for that is its to hear.
   */
  begin(
    id: string,
    listener: EnvelopeListener,
    client: ClientAttributes,
    mayAuthenticate?: boolean,
  ): BackendTransaction
  /**
   * Whether a transaction may hold what it has of the backend for as long as a text takes to come;
   * false while it is scarce.
   */
  mayHold(): boolean
}

/** One address of one server, as `check`, the metrics and `/readyz` tell of it. */
export interface ServerView {
  /** As it is written in the configuration. */
  readonly server: string
  /** Where it is connected to: host and port, or a directory. */
  readonly address: string
  /** Lower ones are used first. */
  readonly priority: number
  readonly usable: boolean
  /** Why it is not usable; absent while it was never asked. */
  readonly trouble?: string
  /** It would relay what comes through (rule 8): that is why. */
  readonly relays?: true
  /** Its EHLO as it was last seen. */
  readonly extensions: Extensions
}

/** How many connections to one server are lent, and how many wait for the next transaction. */
export interface ConnectionCount {
  /** As it is written in the configuration. */
  readonly server: string
  readonly busy: number
  readonly idle: number
}

/** A backend as its owner has it: its state can be looked at, and it is closed. */
export interface WatchedBackend extends Backend {
  /** Connects and says EHLO. Undefined when all is well, else what is wrong and where. */
  probe(): Promise<string | undefined>
  connections(): readonly ConnectionCount[]
  /** Why no mail can go to it at this moment, as far as is known; undefined while it can. */
  trouble(): string | undefined
  servers(): readonly ServerView[]
  close(): Promise<void>
}
