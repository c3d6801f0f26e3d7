/**
 * The connection that a transaction has at hand, and what is open on it. It is borrowed when it is
 * needed, may be given to others while the client takes its time (preemption), and is given back
 * clean.
 *
 * What is open at the backend:
 *
 *     nothing ──▶ shown | anew ──▶ text ──▶ nothing
 *
 * The text's answer is the end of the transaction. With nothing open the connection is given back
 * as it is, with an envelope by RSET. In a text it is broken off: behind DATA, RSET would be text,
 * and before the dot nothing else makes the backend forget (RFC 5321 4.1.1.4).
 */
import { isPositive, type Reply } from '../../smtp/reply.ts'
import { replies } from '../../smtp/replies.ts'
import type { Choosable } from '../endpoints/choose.ts'
import type { Borrower, Lender, Lent } from '../pool/lending.ts'
import type { Held, Preemptible } from '../pool/preemption.ts'
import { isFailed } from '../wire/command-reply.ts'
import type { Needs } from '../wire/needs.ts'
import { type BackendClient, sayXforward } from '../wire/tell-client.ts'
import type { AnswerForm } from '../wire/text-answer.ts'
import type { HeedOptions } from './heed.ts'

export interface LineOptions extends HeedOptions {
  readonly pool: Lender
  readonly client: BackendClient
  /**
   * Servers that are not asked for PRDR; one is added when its blocks can't be read. Absent: none
   * is asked.
   */
  readonly withoutPrdr?: Set<string> | undefined
}

/**
 * `shown`: the envelope as it came. `anew`: one that was shown again for a parcel, or that is not
 * what the session knows of.
 */
export type OpenAtBackend = 'nothing' | 'shown' | 'anew' | 'text'

/**
 * How long a client has to be quiet before its connection may go to someone who waits for one, in
 * ms.
 */
const quietMs = 500

export class LineAtHand implements Preemptible {
  readonly #options: LineOptions
  #lent: Lent | undefined
  /** Among those who may be asked for their connection. */
  #held: Held | undefined
  /** What the message needs of a server. */
  #needs: Needs | undefined
  /** An answer for each recipient is of use. */
  #each = false
  #form: AnswerForm = 'one'
  /** When something was last answered. */
  #answeredAt = 0
  #over = false
  open: OpenAtBackend = 'nothing'

  constructor(options: LineOptions) {
    this.#options = options
  }

  /** What the message is like, before anything is borrowed for it. */
  prepare(needs: Needs | undefined, each: boolean): void {
    this.#needs = needs
    this.#each = each
  }

  get needs(): Needs | undefined {
    return this.#needs
  }

  /** Undefined: it has to be borrowed. */
  get lent(): Lent | undefined {
    return this.#lent
  }

  /** It was given back, or broken off, for good. Asked anew after each wait. */
  isOver(): boolean {
    return this.#over
  }

  /**
   * `fresh`: not one that was kept. `not`: endpoints that were tried already. What is lent is at
   * hand when the borrower hears of it; when the transaction is over by then, it hears of none.
   */
  borrow(
    { fresh, not }: { readonly fresh: boolean; readonly not?: ReadonlySet<Choosable> | undefined },
    borrower: Borrower,
  ): void {
    const { pool, client } = this.#options
    pool.borrow({ fresh, client, needs: this.#needs, not }, (lent) => {
      if (isFailed(lent)) return borrower(lent)
      if (this.#over) {
        pool.giveBack(lent)
        return borrower({ failed: 'nobody waits for it any more' })
      }
      this.#lent = lent
      borrower(lent)
    })
  }

  /** The one at hand, if it still lives, or a fresh one; undefined when there is none to be had. */
  async alive(): Promise<Lent | undefined> {
    if (this.#over) return undefined
    if (this.#lent?.connection.alive === true) return this.#lent
    this.lose()
    return await new Promise((resolve) =>
      this.borrow({ fresh: true }, (lent) => resolve(isFailed(lent) ? undefined : lent)),
    )
  }

  /**
   * An envelope begins on it: MAIL is next. PRDR needs PIPELINING (draft-hall-prdr-00 2), and is
   * asked for only where the answers can be told apart afterwards.
   */
  begin(lent: Lent, open: 'shown' | 'anew'): void {
    const { clientAddress, client } = this.#options
    if (this.open !== 'nothing') lent.connection.command('RSET', () => undefined)
    this.open = open
    lent.connection.transactions++
    if (clientAddress === 'xforward') sayXforward(lent.connection, client)
    this.#form = this.formAt(lent)
  }

  /** How the text of an envelope that begins there will be answered. */
  formAt({ connection, server }: Lent): AnswerForm {
    if (connection.lmtp) return 'each'
    const { withoutPrdr } = this.#options
    const asks = this.#each && withoutPrdr?.has(server) === false && connection.pipelines
    return asks && connection.extensions.has('PRDR') ? 'block' : 'one'
  }

  /** How the text of the envelope that is open will be answered. */
  get form(): AnswerForm {
    return this.#form
  }

  /** Something was answered. */
  touch(): void {
    this.#answeredAt = this.#options.now()
  }

  /** Others who wait may have the connection while the client takes its time. */
  offerToOthers(): void {
    this.keep()
    this.#held = this.#options.pool.preemption.hold(this)
  }

  /** Nobody else may have the connection any more. */
  keep(): void {
    if (this.#held !== undefined) this.#options.pool.preemption.drop(this.#held)
    this.#held = undefined
  }

  preempt(): boolean {
    const lent = this.#lent
    if (lent === undefined || this.open !== 'shown' || !lent.connection.usable) return false
    if (this.#options.now() - this.#answeredAt < quietMs) return false
    this.lose()
    this.reset(lent)
    return true
  }

  /** Nothing is at hand any more: it has ended, or goes to others. */
  lose(): void {
    this.keep()
    this.#lent = undefined
    this.open = 'nothing'
  }

  /** Gives it back with nothing said on it. */
  giveBackUnused(lent: Lent): void {
    this.lose()
    this.#options.pool.giveBack(lent)
  }

  /** A reply that was awaited on it will not come: what the client hears. */
  lostAt(lent: Lent, step: 'mail' | 'rcpt' | 'data' | 'text', why: string): Reply {
    const { transaction, onFact, now, pool } = this.#options
    onFact({ kind: 'backendFailed', at: now(), transaction, server: lent.server, step, why })
    pool.recheck(lent)
    return replies.backendLost
  }

  /** The end: gives it back with nothing left open on it, or breaks it off. */
  release(): void {
    const lent = this.#lent
    const { open } = this
    this.#over = true
    this.lose()
    if (lent === undefined) return
    switch (open) {
      case 'nothing':
        return this.#options.pool.giveBack(lent)
      case 'text':
        return lent.connection.destroy('abandoned')
      case 'shown':
      case 'anew':
        return this.reset(lent)
    }
  }

  /** Gives a connection back that is not at hand any more; its server forgets the envelope. */
  reset(lent: Lent): void {
    lent.connection.command('RSET', (reply) => {
      if (!isFailed(reply) && !isPositive(reply)) lent.connection.destroy('RSET was refused')
      this.#options.pool.giveBack(lent)
    })
  }
}
