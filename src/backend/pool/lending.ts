/** What passes between the pool and those who borrow its connections. */
import type { Reply } from '../../smtp/reply.ts'
import type { BackendClient } from '../wire/tell-client.ts'
import type { EndpointState, Wanted } from '../endpoints/endpoints.ts'
import type { SmtpConnection } from '../wire/connection.ts'
import type { Held, Preemptible } from './preemption.ts'

export interface Lent {
  readonly connection: SmtpConnection
  /** As in the configuration. */
  readonly server: string
  /** The address that it leads to. */
  readonly endpoint: EndpointState
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
  recheck(lent: Pick<Lent, 'endpoint'>): void
  /**
   * It was turned away at its first command, and is ended. True when its endpoint answers on
   * others: it is to be asked for again.
   */
  turnedAway(lent: Pick<Lent, 'connection' | 'endpoint'>, why: string): boolean
  readonly yielding: { hold(holder: Preemptible): Held | undefined; drop(held: Held): void }
}
