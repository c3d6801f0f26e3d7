/** What one connection is made of. */
import type { ClientAuth } from '../backend/backend.ts'
import type { FactListener } from '../facts/fact.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Oracle, OwnAnswers } from '../session/oracle.ts'
import type { SessionStart } from '../session/session.ts'
import type { MessageFlowOptions } from './message-flow.ts'
import type { Secured, TlsServer } from './upgrade.ts'

/** One of our own addresses. */
export interface OwnEnd {
  /** Empty where the client has gone before it was looked at. */
  readonly address: string
  readonly port: number
}

/** What a connection is made of. */
export interface ConnectionOptions extends MessageFlowOptions {
  readonly start: Omit<SessionStart, 'at' | 'secured' | 'tls' | 'oracle'>
  readonly oracle: (own: OwnAnswers) => Oracle
  readonly ledger: Ledger
  /** The runner's backend, for who says AUTH; absent where that is off. */
  readonly auth?: ClientAuth
  readonly tls: TlsServer | undefined
  /** What the client has connected to. */
  readonly ownEnd: OwnEnd
  /** Of a connection that began with TLS. */
  readonly secured?: Secured | undefined
  readonly timeouts: { readonly commandMs: number; readonly textMs: number }
  readonly onFact: FactListener
  /** Called once, when nothing of the connection is left. */
  readonly onEnd: () => void
}
