/**
 * Connections to the backend's servers: kept, reused, given back. A reused connection may have died unseen, so its user has to be
 * ready to ask for a fresh one (`fresh`). Owns every connection that is not lent.
 */
import type { FactListener } from '../facts.ts'
import type { Extensions } from '../smtp/ehlo.ts'
import { describeReply, type Reply } from '../smtp/reply.ts'
import { isLost } from './heard.ts'
import { type BackendClient, type Introduction, proxyPreamble, sayXclient } from './introduce.ts'
import { type BackendTls, TlsFailure } from './secure.ts'
import { SmtpConnection } from './smtp-connection.ts'

export interface PoolOptions {
  readonly servers: readonly {
    readonly host: string
    readonly port: number
    readonly url: string
    readonly implicitTls?: boolean
    readonly lmtp?: boolean
    readonly socketPath?: string
  }[]
  /** Absent: clear text. */
  readonly tls?: BackendTls | undefined
  /** How servers hear of the client that a connection is borrowed for. */
  readonly introduction: Introduction
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

/** Why there is no connection, for the log; `refusal` is what the server said to this client. */
export interface NotLent {
  readonly failed: string
  readonly refusal?: Reply
}

type Borrower = (lent: Lent | NotLent) => void
type Opened = Omit<Lent, 'reused'>

/** Who wants a connection, and for which client; none is us. */
interface Request {
  readonly borrower: Borrower
  readonly client: BackendClient | undefined
}

interface Idle extends Opened {
  readonly timer: NodeJS.Timeout
}

/** A server that could not be reached is tried after the others for this long, so that not every message waits for it. */
const avoidMs = 30_000

export class Pool {
  readonly #options: PoolOptions
  readonly #idle: Idle[] = []
  readonly #waiting: { readonly request: Request; readonly timer: NodeJS.Timeout }[] = []
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

  /**
   * Lends a connection that the server takes for `client`'s: the one that was used last when one is idle and `fresh` is not
   * asked for. Always answers, once.
   */
  borrow(fresh: boolean, borrower: Borrower, client?: BackendClient): void {
    const request = { borrower, client }
    if (this.#isClosed()) return borrower({ failed: 'shutting down' })
    const idle = fresh ? undefined : this.#takeIdle(client)
    if (idle !== undefined) {
      clearTimeout(idle.timer)
      return this.#lend({ ...idle, reused: true }, request)
    }
    if (this.#connections >= this.#options.maxConnections) {
      const spare = this.#idle.shift() // of no use for this one: make room
      if (spare === undefined) return this.#wait(request)
      spare.connection.quit()
    }
    void this.#connectInBackground(request)
  }

  /** One that is this client's already, else one that can still become so. */
  #takeIdle(client: BackendClient | undefined): Idle | undefined {
    const { introduction } = this.#options
    if (introduction === 'none' || introduction === 'xforward') return this.#idle.pop()
    const own = this.#idle.findLastIndex(({ connection }) => connection.client === client?.key)
    const place = own !== -1 ? own : this.#idle.findLastIndex(({ connection }) => this.#canBecome(connection, client))
    return place === -1 ? undefined : this.#idle.splice(place, 1)[0]
  }

  /** Postfix takes XCLIENT again only where smtpd_authorized_xclient_hosts holds the client that it was told of: its EHLO says so. */
  #canBecome(connection: SmtpConnection, client: BackendClient | undefined): boolean {
    if (connection.client === client?.key || this.#options.introduction === 'none') return true
    if (this.#options.introduction === 'xforward') return true
    return this.#options.introduction === 'xclient' && client !== undefined && connection.extensions.has('XCLIENT')
  }

  #isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  #wait(request: Request): void {
    const { connectTimeoutMs, maxConnections } = this.#options
    const timer = setTimeout(() => {
      const place = this.#waiting.findIndex((waiting) => waiting.request === request)
      if (place !== -1) this.#waiting.splice(place, 1)
      const failed = `all ${maxConnections} connections are busy (backend.pool.max_connections)`
      this.#failed(this.#options.servers[0]?.url ?? '', 'connect', failed)
      request.borrower({ failed })
    }, connectTimeoutMs)
    this.#waiting.push({ request, timer })
  }

  #lend(lent: Lent, request: Request): void {
    const { connection, server } = lent
    const { borrower, client } = request
    this.#lent.set(connection, server)
    connection.onEnd = () => this.#forget(connection)
    const known = this.#options.introduction !== 'xclient' || client === undefined || connection.client === client.key
    if (known) borrower(lent)
    else void this.#introduceInBackground(lent, borrower, client)
  }

  /** XCLIENT: the server takes the connection for this client's from now on, or has something to say to it. */
  async #introduceInBackground(lent: Lent, borrower: Borrower, client: BackendClient): Promise<void> {
    const { connection, server } = lent
    const answer = await sayXclient(connection, client)
    if (answer === undefined) {
      connection.client = client.key
      borrower(lent)
      return
    }
    if (isLost(answer)) {
      if (lent.reused) {
        this.borrow(true, borrower, client)
        return
      } // closed while nobody looked
      this.#failed(server, 'connect', `XCLIENT: ${answer.lost}`)
      borrower({ failed: answer.lost })
      return
    }
    connection.quit()
    const offered = connection.extensions.has('XCLIENT')
    const why = offered
      ? describeReply(answer)
      : 'the server does not offer XCLIENT to us (Postfix: smtpd_authorized_xclient_hosts)'
    this.#failed(server, 'connect', `XCLIENT: ${why}`)
    borrower({ failed: why, refusal: answer })
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
    void this.#connectInBackground(next.request)
  }

  async #connectInBackground(request: Request): Promise<void> {
    this.#connections++
    const opened = await this.#open(request.client)
    if ('failed' in opened) {
      this.#connections--
      request.borrower(opened)
      this.#serveWaiting()
      return
    }
    this.#lend({ ...opened, reused: false }, request)
  }

  /** Tries the servers in order, those that failed lately last. */
  async #open(client: BackendClient | undefined): Promise<Opened | NotLent> {
    const { servers, onFact, now, introduction } = this.#options
    const preamble = proxyPreamble(introduction, client)
    const avoided = (url: string): boolean => now() - (this.#failedAt.get(url) ?? -Infinity) < avoidMs
    const inOrder = [...servers.filter(({ url }) => !avoided(url)), ...servers.filter(({ url }) => avoided(url))]
    const failures: string[] = []
    for (const { host, port, url, implicitTls, lmtp, socketPath } of inOrder) {
      const started = now()
      try {
        const connection = await SmtpConnection.open({
          ...this.#options,
          host,
          port,
          implicitTls,
          lmtp,
          socketPath,
          preamble,
          signal: this.#closing.signal,
        })
        if (this.#isClosed()) {
          connection.destroy('shutting down')
          break
        }
        if (preamble !== undefined) connection.client = client?.key
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
      if (this.#canBecome(connection, next.request.client))
        return this.#lend({ connection, server, reused: true }, next.request)
      connection.onEnd = () => this.#forget(connection)
      connection.quit()
      return this.borrow(true, next.request.borrower, next.request.client)
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
    for (const { request, timer } of this.#waiting.splice(0)) {
      clearTimeout(timer)
      request.borrower({ failed: 'shutting down' })
    }
  }
}
