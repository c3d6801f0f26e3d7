/**
 * What one line of a mail server's or a scanner's log tells of a message, and the message that
 * comes of all its lines (join.ts). Texts are octets, one character each, as everywhere before they
 * are shown.
 */

/** A scanner whose scores are known by name; `any`: the one that policies are about. */
export type Scanner = 'rspamd' | 'spamd' | 'headers' | 'any'

/** What a scanner has said of one text. */
export interface Score {
  readonly scanner: Scanner
  /** Absent: it gave none. */
  readonly score?: number
  readonly symbols: readonly string[]
  /** Whatever the score is. */
  readonly forced?: 'reject' | 'defer' | 'discard' | 'quarantine'
}

export interface Client {
  readonly address: string
  /** Leads back to the address, the server says. */
  readonly rdns?: string
  readonly helo?: string
  /** It said who it was, or it is a program of the site's own server: never split (rule 7). */
  readonly own?: true
}

/** What the site's server made of the text. */
export type Answer = 'taken' | 'refused' | 'deferred'

/** A scanner's line: some tell the envelope too. */
export interface Judged {
  readonly kind: 'judged'
  readonly score: Score
  readonly queueId?: string
  readonly messageId?: string
  readonly client?: Client
  readonly sender?: string
  /** `whole`: nobody is left out. */
  readonly recipients?: { readonly known: readonly string[]; readonly whole: boolean }
  readonly sizeBytes?: number
}

/** `id`: of the server's queue. */
export type Sighting =
  | { readonly kind: 'client'; readonly id: string; readonly client: Client }
  | { readonly kind: 'message id'; readonly id: string; readonly messageId: string }
  | {
      readonly kind: 'envelope'
      readonly id: string
      readonly sender: string
      readonly sizeBytes: number
      /** How many recipients there are, where it is told. */
      readonly count?: number
      readonly recipients?: readonly string[]
      readonly client?: Client
      readonly messageId?: string
    }
  | { readonly kind: 'recipient'; readonly id: string; readonly address: string }
  | { readonly kind: 'done'; readonly id: string }
  /** The text was refused or put off; `recipient`: one of them, where it is told. */
  | {
      readonly kind: 'not taken'
      readonly id: string
      readonly answer: 'refused' | 'deferred'
      readonly client?: Client
      readonly sender?: string
      readonly recipient?: string
      readonly score?: Score
    }
  /** A recipient was put off at RCPT. */
  | {
      readonly kind: 'put off'
      readonly client: Client
      readonly sender: string
      readonly recipient: string
    }
  | Judged
  | { readonly kind: 'whole'; readonly message: PastMessage }

/** A message as it came to the site, once. */
export interface PastMessage {
  /** ms since the epoch. */
  readonly at: number
  /** Absent: it came from no client, but from this host itself. */
  readonly client?: Client
  readonly sender: string
  readonly recipients: readonly string[]
  /** There are more whom no line tells. */
  readonly more?: true
  readonly sizeBytes: number
  readonly scores: readonly Score[]
  readonly answer: Answer
  /** Its client asked for one reply for each recipient. */
  readonly prdr?: true
}

/** The line should have told something, and it can't be read. */
export const unreadable = 'unreadable'
export type Unreadable = typeof unreadable
/** Undefined: it tells nothing that is needed. */
export type Seen = Sighting | Unreadable | undefined
