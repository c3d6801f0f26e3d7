/**
 * Connections to the backend's servers: kept, reused, given back. A reused connection may have died unseen, so its user has to be
 * ready to ask for a fresh one (`fresh`). Owns every connection that is not lent.
 */
import type { FactListener } from '../facts.ts'
import type { Extensions } from '../smtp/ehlo.ts'
import { SmtpConnection } from './smtp-connection.ts'

export interface PoolOptions {
  readonly servers: readonly { readonly host: string; readonly port: number; readonly url: string }[]
  readonly helo: string
  readonly connectTimeoutMs: number
  readonly replyTimeoutMs: number
  readonly maxConnections: number
  readonly idleTimeoutMs: number
  readonly maxTransactions: number
  /** Refused commands after which a connection is left: Postfix slows a client down after smtpd_soft_error_limit (10). */
  readonly maxErrors: number
  readonly onFact: FactListener
  readonly now: () => number
}

export interface Lent {
  readonly connection: SmtpConnection
  readonly server: string
  /** It has served before, and may have been closed meanwhile. */
  readonly reused: boolean
}

type Borrower = (lent: Lent | { readonly failed: string }) => void

interface Idle {
  readonly connection: SmtpConnection
  readonly server: string
  readonly timer: NodeJS.Timeout
}

export class Pool {
  readonly #options: PoolOptions
  readonly #idle: Idle[] = []
  readonly #waiting: { readonly borrower: Borrower; readonly timer: NodeJS.Timeout }[] = []
  readonly #lent = new Map<SmtpConnection, string>()
  #connections = 0
  #closed = false
  /** EHLO of the connection that was opened last. */
  extensions: Extensions = new Map()

  constructor(options: PoolOptions) {
    this.#options = options
  }

  /** Lends a connection: at once when one is idle and `fresh` is not asked for. */
  borrow(fresh: boolean, borrower: Borrower): void {
    if (this.#closed) return borrower({ failed: 'shutting down' })
    if (!fresh) {
      const idle = this.#idle.pop()
      if (idle !== undefined) {
        clearTimeout(idle.timer)
        this.#lend(idle.connection, idle.server)
        return borrower({ connection: idle.connection, server: idle.server, reused: true })
      }
    }
    if (this.#connections < this.#options.maxConnections) return void this.#connectInBackground(borrower)
    const spare = this.#idle.shift() // only when `fresh`: make room
    if (spare !== undefined) {
      clearTimeout(spare.timer)
      spare.connection.quit()
      return void this.#connectInBackground(borrower)
    }
    this.#wait(borrower)
  }

  #wait(borrower: Borrower): void {
    const { connectTimeoutMs, maxConnections } = this.#options
    const timer = setTimeout(() => {
      const place = this.#waiting.findIndex((waiting) => waiting.borrower === borrower)
      if (place !== -1) this.#waiting.splice(place, 1)
      borrower({ failed: `all ${maxConnections} connections are busy (backend.pool.max_connections)` })
    }, connectTimeoutMs)
    this.#waiting.push({ borrower, timer })
  }

  #lend(connection: SmtpConnection, server: string): void {
    this.#lent.set(connection, server)
    connection.onEnd = () => this.#forget(connection)
  }

  #forget(connection: SmtpConnection): void {
    this.#lent.delete(connection)
    this.#connections--
    this.#serveWaiting()
  }

  #serveWaiting(): void {
    if (this.#connections >= this.#options.maxConnections || this.#closed) return
    const next = this.#waiting.shift()
    if (next === undefined) return
    clearTimeout(next.timer)
    void this.#connectInBackground(next.borrower)
  }

  async #connectInBackground(borrower: Borrower): Promise<void> {
    this.#connections++
    const opened = await this.#open()
    if ('failed' in opened) {
      this.#connections--
      borrower(opened)
      this.#serveWaiting(); return;
    }
    this.#lend(opened.connection, opened.server)
    if (this.#closed) opened.connection.destroy('shutting down')
    borrower({ ...opened, reused: false })
  }

  /** Tries the servers in order. */
  async #open(): Promise<
    { readonly connection: SmtpConnection; readonly server: string } | { readonly failed: string }
  > {
    const { servers, onFact, now, helo, connectTimeoutMs, replyTimeoutMs } = this.#options
    const failures: string[] = []
    for (const { host, port, url } of servers) {
      const started = now()
      try {
        const connection = await SmtpConnection.open({ host, port, helo, connectTimeoutMs, replyTimeoutMs })
        this.extensions = connection.extensions
        onFact({ kind: 'backendConnected', at: now(), server: url, ms: now() - started })
        return { connection, server: url }
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error)
        failures.push(`${url}: ${why}`)
        onFact({ kind: 'backendFailed', at: now(), server: url, step: 'connect', why })
      }
    }
    return { failed: failures.join('; ') }
  }

  counts(): { readonly server: string; readonly busy: number; readonly idle: number }[] {
    return this.#options.servers.map(({ url }) => ({
      server: url,
      busy: [...this.#lent.values()].filter((server) => server === url).length,
      idle: this.#idle.filter((idle) => idle.server === url).length,
    }))
  }

  /** Gives a connection back that has no transaction open. */
  giveBack(connection: SmtpConnection, server: string): void {
    const { maxErrors, maxTransactions, idleTimeoutMs } = this.#options
    if (!this.#lent.delete(connection)) return
    const worn = connection.errors >= maxErrors || connection.transactions >= maxTransactions
    if (this.#closed || worn || !connection.usable) return this.#retire(connection)
    const next = this.#waiting.shift()
    if (next !== undefined) {
      clearTimeout(next.timer)
      this.#lend(connection, server)
      return next.borrower({ connection, server, reused: true })
    }
    const timer = setTimeout(() => connection.quit(), idleTimeoutMs)
    connection.onEnd = () => {
      clearTimeout(timer)
      const place = this.#idle.findIndex((idle) => idle.connection === connection)
      if (place !== -1) this.#idle.splice(place, 1)
      this.#forget(connection)
    }
    this.#idle.push({ connection, server, timer })
  }

  #retire(connection: SmtpConnection): void {
    connection.onEnd = () => this.#forget(connection)
    connection.quit()
  }

  /** Ends idle connections now, lent ones too; borrowers hear of it as of any lost connection. */
  close(): void {
    this.#closed = true
    for (const { connection } of this.#idle.splice(0)) connection.quit()
    for (const connection of [...this.#lent.keys()]) connection.destroy('shutting down')
    for (const { borrower, timer } of this.#waiting.splice(0)) {
      clearTimeout(timer)
      borrower({ failed: 'shutting down' })
    }
  }
}
