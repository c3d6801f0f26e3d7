/** What passes between the pool and those who borrow its connections. */
import type { Reply } from '../smtp/reply.ts'
import type { BackendClient } from './introduce.ts'
import type { Candidate, Wanted } from './places.ts'
import type { SmtpConnection } from './smtp-connection.ts'
import type { Held, Holder } from './yielding.ts'

export interface Lent {
  readonly connection: SmtpConnection
  /** As in the configuration. */
  readonly server: string
  /** The address that it leads to. */
  readonly place: Candidate
  /** It has served before, and may have been closed meanwhile. */
  readonly reused: boolean
}

/** Why there is no connection, for the log; `refusal` is what the client is told. */
export interface NotLent {
  readonly failed: string
  readonly refusal?: Reply
}

export interface Borrowing extends Wanted {
  /** Not one that was kept. */
  readonly fresh?: boolean
  /** Whom it is for; absent: us. */
  readonly client?: BackendClient | undefined
}

export type Borrower = (lent: Lent | NotLent) => void

/** Whom a transaction has its connections from. */
export interface Lender {
  borrow(wanted: Borrowing, borrower: Borrower): void
  giveBack(lent: Pick<Lent, 'connection'>): void
  /** It was lost while something was asked of it: is its server still there? */
  suspect(lent: Pick<Lent, 'place'>): void
  /** It was turned away at its first command, and is ended. True when its place answers on others: it is to be asked for again. */
  turnedAway(lent: Pick<Lent, 'connection' | 'place'>, why: string): boolean
  readonly yielding: { hold(holder: Holder): Held | undefined; drop(held: Held): void }
}
