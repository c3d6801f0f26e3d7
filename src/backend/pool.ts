/**
 * Connections to the backend's servers: kept, reused, given back. A reused connection may have died unseen, so its user has to be
 * ready to ask for a fresh one (`fresh`). Owns every connection that is not lent.
 */
import type { FactListener } from '../facts.ts'
import type { Extensions } from '../smtp/ehlo.ts'
import { type BackendTls, TlsFailure } from './secure.ts'
import { SmtpConnection } from './smtp-connection.ts'

export interface PoolOptions {
  readonly servers: readonly {
    readonly host: string
    readonly port: number
    readonly url: string
    readonly implicitTls?: boolean
  }[]
  /** Absent: clear text. */
  readonly tls?: BackendTls | undefined
  readonly helo: string
  /** From the first packet to the answer to EHLO, per server; and the wait for a connection while all are busy. */
  readonly connectTimeoutMs: number
  readonly replyTimeoutMs: number
  readonly maxConnections: number
  readonly idleTimeoutMs: number
  readonly maxTransactions: number
  /** Refused commands after which a connection is left: Postfix slows a client down after smtpd_soft_error_limit (10). */
  readonly maxErrors: number
  readonly onFact: FactListener
  /** ms since the epoch. */
  readonly now: () => number
}

export interface Lent {
  readonly connection: SmtpConnection
  readonly server: string
  /** It has served before, and may have been closed meanwhile. */
  readonly reused: boolean
}

/** Why there is no connection, for the log. */
export interface NotLent {
  readonly failed: string
}

type Borrower = (lent: Lent | NotLent) => void
type Opened = Omit<Lent, 'reused'>

interface Idle extends Opened {
  readonly timer: NodeJS.Timeout
}

/** A server that could not be reached is tried after the others for this long, so that not every message waits for it. */
const avoidMs = 30_000

export class Pool {
  readonly #options: PoolOptions
  readonly #idle: Idle[] = []
  readonly #waiting: { readonly borrower: Borrower; readonly timer: NodeJS.Timeout }[] = []
  readonly #lent = new Map<SmtpConnection, string>()
  readonly #failedAt = new Map<string, number>()
  readonly #closing = new AbortController()
  /** Open, being opened, or being left. */
  #connections = 0
  /** EHLO of the connection that was opened last. */
  extensions: Extensions = new Map()

  constructor(options: PoolOptions) {
    this.#options = options
  }

  /** Lends a connection: the one that was used last when one is idle and `fresh` is not asked for. Always answers, once. */
  borrow(fresh: boolean, borrower: Borrower): void {
    if (this.#isClosed()) return borrower({ failed: 'shutting down' })
    const idle = fresh ? undefined : this.#idle.pop()
    if (idle !== undefined) {
      clearTimeout(idle.timer)
      return this.#lend({ ...idle, reused: true }, borrower)
    }
    if (this.#connections >= this.#options.maxConnections) {
      const spare = this.#idle.shift() // only when `fresh`: make room
      if (spare === undefined) return this.#wait(borrower)
      spare.connection.quit()
    }
    void this.#connectInBackground(borrower)
  }

  #isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  #wait(borrower: Borrower): void {
    const { connectTimeoutMs, maxConnections } = this.#options
    const timer = setTimeout(() => {
      const place = this.#waiting.findIndex((waiting) => waiting.borrower === borrower)
      if (place !== -1) this.#waiting.splice(place, 1)
      const failed = `all ${maxConnections} connections are busy (backend.pool.max_connections)`
      this.#failed(this.#options.servers[0]?.url ?? '', 'connect', failed)
      borrower({ failed })
    }, connectTimeoutMs)
    this.#waiting.push({ borrower, timer })
  }

  #lend(lent: Lent, borrower: Borrower): void {
    const { connection, server } = lent
    this.#lent.set(connection, server)
    connection.onEnd = () => this.#forget(connection)
    borrower(lent)
  }

  #forget(connection: SmtpConnection): void {
    this.#lent.delete(connection)
    this.#connections--
    this.#serveWaiting()
  }

  #serveWaiting(): void {
    if (this.#connections >= this.#options.maxConnections || this.#isClosed()) return
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
      this.#serveWaiting()
      return
    }
    this.#lend({ ...opened, reused: false }, borrower)
  }

  /** Tries the servers in order, those that failed lately last. */
  async #open(): Promise<Opened | NotLent> {
    const { servers, onFact, now } = this.#options
    const avoided = (url: string): boolean => now() - (this.#failedAt.get(url) ?? -Infinity) < avoidMs
    const inOrder = [...servers.filter(({ url }) => !avoided(url)), ...servers.filter(({ url }) => avoided(url))]
    const failures: string[] = []
    for (const { host, port, url, implicitTls } of inOrder) {
      const started = now()
      try {
        const connection = await SmtpConnection.open({
          ...this.#options,
          host,
          port,
          implicitTls,
          signal: this.#closing.signal,
        })
        if (this.#isClosed()) {
          connection.destroy('shutting down')
          break
        }
        this.extensions = connection.extensions
        this.#failedAt.delete(url)
        const { clearBecause, tlsVersion: tls } = connection
        if (clearBecause !== undefined) this.#failed(url, 'tls', `${clearBecause}; it goes on in clear`)
        const ms = now() - started
        onFact({ kind: 'backendConnected', at: now(), server: url, ms, ...(tls !== undefined && { tls }) })
        return { connection, server: url }
      } catch (error) {
        if (this.#isClosed()) break
        const why = error instanceof Error ? error.message : String(error)
        failures.push(`${url}: ${why}`)
        this.#failedAt.set(url, now())
        this.#failed(url, error instanceof TlsFailure ? 'tls' : 'connect', why)
      }
    }
    return { failed: this.#isClosed() ? 'shutting down' : failures.join('; ') }
  }

  #failed(server: string, step: 'connect' | 'tls', why: string): void {
    const { onFact, now } = this.#options
    onFact({ kind: 'backendFailed', at: now(), server, step, why })
  }

  /** Connections by server. */
  counts(): { readonly server: string; readonly busy: number; readonly idle: number }[] {
    return this.#options.servers.map(({ url }) => ({
      server: url,
      busy: [...this.#lent.values()].filter((server) => server === url).length,
      idle: this.#idle.filter((idle) => idle.server === url).length,
    }))
  }

  /** Gives a connection back that has no transaction open. */
  giveBack({ connection, server }: Opened): void {
    const { maxErrors, maxTransactions, idleTimeoutMs } = this.#options
    if (!this.#lent.delete(connection)) return
    const worn = connection.errors >= maxErrors || connection.transactions >= maxTransactions
    if (this.#isClosed() || worn || !connection.usable) {
      connection.onEnd = () => this.#forget(connection)
      return connection.quit()
    }
    const next = this.#waiting.shift()
    if (next !== undefined) {
      clearTimeout(next.timer)
      return this.#lend({ connection, server, reused: true }, next.borrower)
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

  /** Ends idle connections now, lent ones too; borrowers hear of it as of any lost connection. */
  close(): void {
    this.#closing.abort()
    for (const { connection } of [...this.#idle]) connection.quit()
    for (const connection of [...this.#lent.keys()]) connection.destroy('shutting down')
    for (const { borrower, timer } of this.#waiting.splice(0)) {
      clearTimeout(timer)
      borrower({ failed: 'shutting down' })
    }
  }
}
