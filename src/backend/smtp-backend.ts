/** SMTP servers as a backend: a pool of connections, and a transaction on one of them. */
import type { FactListener } from '../facts/fact.ts'
import type { Extensions } from '../smtp/ehlo.ts'
import type { ClientAttributes } from '../smtp/xclient.ts'
import type {
  BackendTransaction,
  ConnectionCount,
  EnvelopeListener,
  OwnBackend,
  ServerView,
  WatchedBackend,
} from './backend.ts'
import { backendClient } from './wire/tell-client.ts'
import { OwnConnection } from './pool/own-connection.ts'
import type { Lender } from './pool/lending.ts'
import { Pool, type PoolOptions } from './pool/pool.ts'
import type { TextDeliveryOptions } from './transaction/deliver-text.ts'
import { SmtpTransaction } from './transaction/smtp-transaction.ts'

export interface SmtpBackendOptions extends PoolOptions {
  /** From the final dot to the reply, in ms. */
  readonly deliveryTimeoutMs: number
  /** Ask servers that offer PRDR for one reply per recipient. */
  readonly prdr?: boolean
  /** Send a text by BDAT to servers that offer CHUNKING. */
  readonly chunking?: boolean
  /** Most connections of clients that have said AUTH; absent: no other limit than that for all. */
  readonly authenticated?: number
  readonly onFact: FactListener
}

export class SmtpBackend implements WatchedBackend {
  readonly #pool: Pool
  readonly #options: SmtpBackendOptions
  /** Of clients that have said AUTH. */
  readonly #own = new Set<OwnConnection>()
  /** Servers that are not asked for PRDR. */
  readonly #withoutPrdr: Set<string> | undefined
  /** Servers that get no text by BDAT. */
  readonly #withoutChunking: Set<string> | undefined

  constructor(options: SmtpBackendOptions) {
    this.#options = options
    this.#pool = new Pool(options)
    this.#withoutPrdr = options.prdr === true ? new Set() : undefined
    this.#withoutChunking = options.chunking === true ? new Set() : undefined
  }

  extensions(): Extensions {
    return this.#pool.extensions
  }

  begin(
    id: string,
    listener: EnvelopeListener,
    client: ClientAttributes,
    mayAuthenticate = false,
  ): BackendTransaction {
    const login = mayAuthenticate ? 'possible' : 'none'
    return this.#begin(
      { transaction: id, pool: this.#pool, client: backendClient(client), login },
      listener,
    )
  }

  authenticate(attributes: ClientAttributes): OwnBackend {
    const client = backendClient(attributes)
    const begin = (id: string, lender: Lender, listener: EnvelopeListener): BackendTransaction =>
      this.#begin({ transaction: id, pool: lender, client, login: 'done' }, listener)
    const own = new OwnConnection({
      pool: this.#pool,
      client,
      begin,
      mayHold: () => this.#mayOwnMore(),
      onFact: this.#options.onFact,
      now: this.#options.now,
      onEnd: () => this.#own.delete(own),
    })
    this.#own.add(own)
    return own
  }

  /** They stay as long as their clients do, so not all connections may be theirs. */
  #mayOwnMore(): boolean {
    const { authenticated = Infinity, onFact, now } = this.#options
    if ([...this.#own].filter(({ holds }) => holds).length < authenticated) return true
    onFact({ kind: 'limitReached', at: now(), limit: 'authenticated_connections' })
    return false
  }

  #begin(
    {
      transaction,
      pool,
      client,
      login,
    }: Pick<TextDeliveryOptions, 'transaction' | 'pool' | 'client' | 'login'>,
    listener: EnvelopeListener,
  ): BackendTransaction {
    const { deliveryTimeoutMs, clientAddress, onFact, now } = this.#options
    const options = {
      transaction,
      pool,
      client,
      login,
      clientAddress,
      deliveryTimeoutMs,
      withoutChunking: this.#withoutChunking,
      withoutPrdr: this.#withoutPrdr,
      onFact,
      now,
    }
    return new SmtpTransaction(options, listener)
  }

  mayHold(): boolean {
    return this.#pool.roomy
  }

  connections(): readonly ConnectionCount[] {
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
