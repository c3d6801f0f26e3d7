/**
 * A connection that belongs to one client: AUTH is said on it, and the client's transactions follow
 * on it. It is never used for another client, and when it is lost the client has to authenticate
 * anew.
 */
import type { FactListener } from '../../facts/fact.ts'
import { describeReply, type Reply } from '../../smtp/reply.ts'
import { replies } from '../../smtp/replies.ts'
import type { BackendTransaction, EnvelopeListener, OwnBackend } from '../backend.ts'
import { isAboutUs } from '../wire/about-us.ts'
import { isFailed } from '../wire/command-reply.ts'
import type { BackendClient } from '../wire/tell-client.ts'
import type { Borrowing, Lender, Lent, NotLent, OpenConnection } from './lending.ts'
import type { Pool } from './pool.ts'

export interface OwnConnectionOptions {
  readonly pool: Pool
  readonly client: BackendClient
  /** There is one left for clients that authenticate. */
  readonly mayHold: () => boolean
  readonly onEnd: () => void
  readonly onFact: FactListener
  readonly now: () => number
  /** A transaction on what `lender` lends. */
  readonly begin: (id: string, lender: Lender, listener: EnvelopeListener) => BackendTransaction
}

export class OwnConnection implements OwnBackend, Lender {
  readonly #options: OwnConnectionOptions
  #lent: Lent | undefined
  #over = false
  #borrowing = false
  /** Nobody else waits for this connection. */
  readonly preemption = { hold: () => undefined, drop: () => undefined }

  constructor(options: OwnConnectionOptions) {
    this.#options = options
  }

  /** It has one, or is about to. */
  get holds(): boolean {
    return this.#borrowing || this.#lent?.connection.alive === true
  }

  say(line: string, onReply: (reply: Reply) => void): void {
    if (this.#lent?.connection.alive === true) return this.#ask(this.#lent, line, onReply)
    // A challenge can't be answered on another connection.
    if (!line.startsWith('AUTH ')) return onReply(replies.authUnavailable)
    const { pool, client, mayHold } = this.#options
    if (!mayHold()) return onReply(replies.authBusy)
    this.#borrowing = true
    pool.borrow({ fresh: true, client }, (lent) => {
      this.#borrowing = false
      if (isFailed(lent)) return onReply(replies.authUnavailable)
      if (this.#over) return lent.connection.quit()
      this.#lent = lent
      this.#ask(lent, line, onReply)
    })
  }

  #ask({ connection, server }: Lent, line: string, onReply: (reply: Reply) => void): void {
    const { onFact, now } = this.#options
    connection.command(line, (answer) => {
      if (isFailed(answer)) return onReply(replies.authUnavailable)
      const circumstances = {
        step: 'auth',
        parameters: true,
        login: 'possible',
        clear: connection.clear,
      } as const
      if (!isAboutUs(answer, circumstances)) return onReply(answer)
      onFact({
        kind: 'backendRefusesUs',
        at: now(),
        server,
        step: 'auth',
        reply: describeReply(answer),
      })
      onReply(replies.authUnavailable)
    })
  }

  begin(id: string, listener: EnvelopeListener): BackendTransaction {
    return this.#options.begin(id, this, listener)
  }

  borrow(_: Borrowing, borrower: (lent: Lent | NotLent) => void): void {
    const lent = this.#lent
    if (lent?.connection.usable === true) return borrower({ ...lent, reused: false })
    borrower({
      failed: 'the connection that the client was authenticated on is lost',
      refusal: replies.backendLost,
    })
  }

  giveBack({ connection }: Pick<Lent, 'connection'>): void {
    if (!connection.usable || this.#over) connection.quit()
  }

  /** Nobody has authenticated on another one. */
  async turnedAway({ connection }: OpenConnection, why: string): Promise<boolean> {
    connection.destroy(why)
    return await Promise.resolve(false)
  }

  recheck(lent: Pick<Lent, 'endpoint'>): void {
    this.#options.pool.recheck(lent)
  }

  end(): void {
    this.#over = true
    this.#options.onEnd()
    this.#lent?.connection.quit()
  }
}
