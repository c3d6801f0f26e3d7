/** What passes between the pool and those who borrow its connections. */
import type { Reply } from '../../smtp/reply.ts'
import type { Wanted } from '../endpoints/choose.ts'
import type { EndpointState } from '../endpoints/endpoint-state.ts'
import type { Failed } from '../wire/command-reply.ts'
import type { SmtpConnection } from '../wire/connection.ts'
import type { BackendClient } from '../wire/tell-client.ts'
import type { Held, Preemptible } from './preemption.ts'

/** A connection, and the endpoint that it leads to. */
export interface OpenConnection {
  readonly connection: SmtpConnection
  readonly endpoint: EndpointState
}

export interface Lent extends OpenConnection {
  /** As in the configuration. */
  readonly server: string
  /** It has served before, and may have been closed meanwhile. */
  readonly reused: boolean
}

/** Why there is no connection, for the log; `refusal` is what the client is told. */
export interface NotLent extends Failed {
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
  turnedAway(lent: OpenConnection, why: string): Promise<boolean>
  readonly preemption: { hold(holder: Preemptible): Held | undefined; drop(held: Held): void }
}
