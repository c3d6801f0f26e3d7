/** SMTP servers as a backend: a pool of connections, and a transaction on one of them. */
import type { FactListener } from '../facts.ts'
import type { Extensions } from '../smtp/ehlo.ts'
import type { ClientAttributes } from '../smtp/xclient.ts'
import type { BackendTransaction, EnvelopeListener, ServerView, WatchedBackend } from './backend.ts'
import { backendClient } from './introduce.ts'
import { Pool, type PoolOptions } from './pool.ts'
import { SmtpTransaction } from './smtp-transaction.ts'

export interface SmtpBackendOptions extends PoolOptions {
  /** From the final dot to the reply, in ms. */
  readonly deliveryTimeoutMs: number
  /** Ask servers that offer PRDR for one reply per recipient. */
  readonly prdr?: boolean
  readonly onFact: FactListener
}

export class SmtpBackend implements WatchedBackend {
  readonly #pool: Pool
  readonly #options: SmtpBackendOptions
  /** Servers that are not asked for PRDR. */
  readonly #withoutPrdr: Set<string> | undefined

  constructor(options: SmtpBackendOptions) {
    this.#options = options
    this.#pool = new Pool(options)
    this.#withoutPrdr = options.prdr === true ? new Set() : undefined
  }

  extensions(): Extensions {
    return this.#pool.extensions
  }

  begin(listener: EnvelopeListener, client: ClientAttributes): BackendTransaction {
    const { deliveryTimeoutMs, introduction, onFact, now } = this.#options
    const withoutPrdr = this.#withoutPrdr
    const told = { introduction, client: backendClient(client) }
    const options = { pool: this.#pool, ...told, deliveryTimeoutMs, withoutPrdr, onFact, now }
    return new SmtpTransaction(options, listener)
  }

  mayHold(): boolean {
    return this.#pool.roomy
  }

  connections(): readonly { readonly server: string; readonly busy: number; readonly idle: number }[] {
    return this.#pool.counts()
  }

  async probe(): Promise<string | undefined> {
    return await this.#pool.probe()
  }

  trouble(): string | undefined {
    return this.#pool.trouble()
  }

  servers(): readonly ServerView[] {
    return this.#pool.servers()
  }

  async close(): Promise<void> {
    this.#pool.close()
    await Promise.resolve()
  }
}
