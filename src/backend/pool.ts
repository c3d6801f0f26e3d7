/**
 * Connections to the backend's servers: kept, reused, given back. A reused connection may have died unseen, so its user has to be
 * ready to ask for a fresh one (`fresh`). Owns every connection that is not lent. Which server, and whether it can be used,
 * is for places.ts to say.
 */
import type { Extensions } from '../smtp/ehlo.ts'
import { describeReply, type Reply } from '../smtp/reply.ts'
import type { ServerView } from './backend.ts'
import { askPlace, type ConnectOptions, openConnection } from './connect.ts'
import type { HealthOptions } from './health.ts'
import { isLost } from './heard.ts'
import { IdleConnections } from './idle.ts'
import { type BackendClient, sayXclient } from './introduce.ts'
import { type Candidate, Places, type Wanted } from './places.ts'
import { notOffered, type RelayQuestions } from './relay-guard.ts'
import { type Resolver, systemResolver } from './resolve.ts'
import type { Server } from './route.ts'
import { SmtpConnection } from './smtp-connection.ts'
import { type Held, type Holder, Yielding } from './yielding.ts'

export interface PoolOptions extends ConnectOptions {
  readonly servers: readonly Server[]
  readonly maxConnections: number
  /** To one entry of `servers`; absent: no other limit than that for all. */
  readonly perServer?: number | undefined
  readonly idleTimeoutMs: number
  readonly maxTransactions: number
  /** Refused commands after which a connection is left: Postfix slows a client down after smtpd_soft_error_limit (10). */
  readonly maxErrors: number
  /** Use only servers that answer these well (rule 8). */
  readonly relayQuestions?: RelayQuestions | undefined
  readonly health?: HealthOptions & {
    /** A place that nothing was heard of for this long is asked. */
    readonly askEveryMs: number
    /** The longest time between two questions whether a place relays. */
    readonly askRelayAtMostMs?: number
  }
  /** How often names are resolved again. */
  readonly resolveEveryMs?: number
  readonly resolver?: Resolver
  /** From 0 to below 1. */
  readonly random?: () => number
}

const usualHealth = { ejectMs: 5000, ejectAtMostMs: 300_000, askEveryMs: 60_000, askRelayAtMostMs: 86_400_000 }

export interface Lent {
  readonly connection: SmtpConnection
  /** As in the configuration. */
  readonly server: string
  /** The address that it leads to. */
  readonly place: Candidate
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

type Borrower = (lent: Lent | NotLent) => void

/** Whom a transaction has its connections from. */
export type Lender = Pick<Pool, 'borrow' | 'giveBack' | 'suspect'> & {
  readonly yielding: { hold(holder: Holder): Held | undefined; drop(held: Held): void }
}

/** Who wants a connection, and until when it waits. */
interface Request {
  readonly wanted: Borrowing
  readonly borrower: Borrower
  timer?: NodeJS.Timeout
}

export class Pool {
  readonly #options: PoolOptions
  readonly #places: Places
  readonly #idle = new IdleConnections<Candidate>()
  readonly #waiting: Request[] = []
  readonly #lent = new Map<SmtpConnection, Candidate>()
  readonly #closing = new AbortController()
  /** Who holds a connection that others may need more. */
  readonly yielding = new Yielding(() => this.#waiting.length)
  /** Open, being opened, or being left; in all and by server. */
  #connections = 0
  readonly #byServer = new Map<Server, number>()

  constructor(options: PoolOptions) {
    this.#options = options
    this.#places = new Places({
      ...options,
      ...usualHealth,
      ...options.health,
      resolveEveryMs: options.resolveEveryMs ?? 60_000,
      guarded: options.relayQuestions !== undefined,
      resolver: options.resolver ?? systemResolver,
      random: options.random ?? Math.random,
      ask: async (candidate) =>
        await askPlace({ ...options, signal: this.#closing.signal }, candidate, (connection) =>
          this.#adopt(candidate, connection),
        ),
      onLeave: (candidate) => this.#idle.leave(candidate),
    })
  }

  /** What every server that a client's message may come to offers. */
  get extensions(): Extensions {
    return this.#places.extensions
  }

  /**
   * Lends a connection that the server takes for the client's: one that was used before when one is idle and `fresh` is not
   * asked for. Always answers, once; at once when a connection is idle and needs no introduction.
   */
  borrow(wanted: Borrowing, borrower: Borrower): void {
    this.#serve({ wanted, borrower })
  }

  #serve(request: Request): void {
    const { wanted, borrower } = request
    if (this.#isClosed()) return borrower({ failed: 'shutting down' })
    const { resolved } = this.#places
    if (resolved !== undefined) return void resolved.then(() => this.#serve(request))
    const idle = wanted.fresh === true ? undefined : this.#takeIdle(wanted)
    if (idle !== undefined) return this.#lend(idle, true, request)
    const order = this.#places.order(wanted)
    if (order.length === 0) return this.#refuse(request)
    if (this.#makeRoom(order)) void this.#connectInBackground(request, order)
    else this.#wait(request)
  }

  #refuse({ wanted, borrower, timer }: Request): void {
    clearTimeout(timer)
    borrower(this.#nobody(wanted, []))
  }

  /** The chosen place's own; another one's only where no new connection may be opened to the chosen one. */
  #takeIdle(wanted: Borrowing): { connection: SmtpConnection; candidate: Candidate } | undefined {
    const { introduction } = this.#options
    const { client } = wanted
    const picked = this.#places.pick(wanted)
    if (picked === undefined) return undefined
    const anyone = introduction === 'none' || introduction === 'xforward'
    const own = (connection: SmtpConnection): boolean => connection.client === client?.key
    const suits = (connection: SmtpConnection): boolean => this.#canBecome(connection, client)
    const from = (candidate: Candidate): SmtpConnection | undefined =>
      anyone ? this.#idle.take(candidate) : (this.#idle.take(candidate, own) ?? this.#idle.take(candidate, suits))
    const connection = from(picked)
    if (connection !== undefined) return { connection, candidate: picked }
    if (this.#hasRoom(picked) && !this.#isPerClient()) return undefined
    for (const candidate of this.#places.order(wanted)) {
      if (candidate.place.rank !== picked.place.rank || !this.#places.isUsable(candidate)) continue
      const other = from(candidate)
      if (other !== undefined) return { connection: other, candidate }
    }
    return undefined
  }

  #isPerClient(): boolean {
    return this.#options.introduction === 'proxy-v1' || this.#options.introduction === 'proxy-v2'
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

  #openTo = (server: Server): number => this.#byServer.get(server) ?? 0

  #hasRoom({ place }: Candidate): boolean {
    const { maxConnections, perServer } = this.#options
    return this.#connections < maxConnections && (perServer === undefined || this.#openTo(place.server) < perServer)
  }

  /** There is room for one of the best; idle connections that are of no use for this request make room. */
  #makeRoom(order: readonly Candidate[]): boolean {
    const alike = order.filter((one) => one.place.rank === order[0]?.place.rank)
    if (alike.some((candidate) => this.#hasRoom(candidate))) return true
    if (this.#connections >= this.#options.maxConnections) this.#idle.leaveOne()
    else alike.some((candidate) => this.#idle.leaveOne(candidate))
    return alike.some((candidate) => this.#hasRoom(candidate))
  }

  #wait(request: Request): void {
    const { connectTimeoutMs, maxConnections } = this.#options
    request.timer ??= setTimeout(() => {
      const at = this.#waiting.indexOf(request)
      if (at === -1) return
      this.#waiting.splice(at, 1)
      const failed = `all ${maxConnections} connections are busy (backend.pool.max_connections)`
      this.#failed(this.#options.servers[0]?.url ?? '', failed)
      request.borrower({ failed })
    }, connectTimeoutMs)
    this.#waiting.push(request)
    this.yielding.wanted()
  }

  #lend(
    { connection, candidate }: { connection: SmtpConnection; candidate: Candidate },
    reused: boolean,
    request: Request,
  ): void {
    const { borrower, wanted } = request
    clearTimeout(request.timer)
    const lent: Lent = { connection, server: candidate.place.server.url, place: candidate, reused }
    this.#lent.set(connection, candidate)
    const { client } = wanted
    const known = this.#options.introduction !== 'xclient' || client === undefined || connection.client === client.key
    if (known) borrower(lent)
    else void this.#introduceInBackground(lent, request, client)
  }

  /** XCLIENT: the server takes the connection for this client's from now on, or has something to say to it. */
  async #introduceInBackground(lent: Lent, { wanted, borrower }: Request, client: BackendClient): Promise<void> {
    const { connection, server } = lent
    const answer = await sayXclient(connection, client)
    if (answer === undefined) {
      connection.client = client.key
      borrower(lent)
      return
    }
    if (isLost(answer)) {
      connection.quit()
      if (lent.reused) {
        this.borrow({ ...wanted, fresh: true }, borrower)
        return
      } // closed while nobody looked
      this.#failed(server, `XCLIENT: ${answer.lost}`)
      borrower({ failed: answer.lost })
      return
    }
    connection.quit()
    const why = connection.extensions.has('XCLIENT') ? describeReply(answer) : notOffered
    this.#failed(server, `XCLIENT: ${why}`)
    borrower({ failed: why, refusal: answer })
  }

  #own(candidate: Candidate, connection: SmtpConnection): void {
    const forget = (): void => this.#forget(connection, candidate)
    connection.onEnd = forget
  }

  #forget(connection: SmtpConnection, candidate: Candidate): void {
    this.#lent.delete(connection)
    this.#idle.drop(candidate, connection)
    this.#count(candidate, -1)
    this.#serveWaiting()
  }

  /** The first who can have what there is room for now. */
  #serveWaiting(): void {
    if (this.#waiting.length === 0 || this.#isClosed()) return
    const at = this.#waiting.findIndex(({ wanted }) => {
      const order = this.#places.order(wanted)
      return order.length === 0 || this.#makeRoom(order)
    })
    const [next] = at === -1 ? [] : this.#waiting.splice(at, 1)
    if (next === undefined) return
    this.#serve(next)
  }

  async #connectInBackground(request: Request, order: readonly Candidate[]): Promise<void> {
    clearTimeout(request.timer)
    const opened = await this.#openFirst(request.wanted, order)
    if ('failed' in opened) {
      request.borrower(opened)
      this.#serveWaiting()
    } else this.#lend(opened, false, request)
  }

  /** Tries the places in order; what a place lacks is known for certain only after its EHLO. */
  async #openFirst(
    wanted: Borrowing,
    order: readonly Candidate[],
  ): Promise<{ connection: SmtpConnection; candidate: Candidate } | NotLent> {
    const failures: string[] = []
    for (const candidate of order) {
      if (!this.#hasRoom(candidate)) continue
      if (this.#options.relayQuestions !== undefined && !this.#places.isUsable(candidate)) {
        await this.#places.ask(candidate)
        if (!this.#places.isUsable(candidate)) {
          failures.push(`${candidate.place.server.url}: ${candidate.health.why ?? ''}`)
          continue
        }
      }
      const connection = await this.#open(candidate, wanted.client)
      if (this.#isClosed()) return { failed: 'shutting down' }
      if (typeof connection === 'string') failures.push(`${candidate.place.server.url}: ${connection}`)
      else if (this.#places.order(wanted).includes(candidate)) return { connection, candidate }
      else connection.quit()
    }
    return this.#nobody(wanted, failures)
  }

  #nobody({ needs }: Borrowing, failures: readonly string[]): NotLent {
    const refusal = this.#places.refusal(needs)
    const failed = failures.join('; ') || (this.#places.trouble() ?? 'no server offers what the message needs')
    return refusal === undefined ? { failed } : { failed, refusal }
  }

  /** Opens a connection, counted from now on; or says why not. */
  async #open(candidate: Candidate, client: BackendClient | undefined): Promise<SmtpConnection | string> {
    this.#count(candidate, 1)
    const opened = await openConnection({ ...this.#options, signal: this.#closing.signal }, candidate.place, client)
    if (opened instanceof SmtpConnection) {
      this.#own(candidate, opened)
      this.#places.opened(candidate, opened.extensions)
      return opened
    }
    this.#count(candidate, -1)
    if (!this.#isClosed()) this.#places.failed(candidate, opened.step, opened.failed)
    return opened.failed
  }

  /** A connection that was opened to ask is kept when there is none. */
  #adopt(candidate: Candidate, connection: SmtpConnection): void {
    if (this.#isClosed() || !this.#hasRoom(candidate) || this.#idle.count(candidate) > 0) return connection.quit()
    this.#own(candidate, connection)
    this.#count(candidate, 1)
    this.#keep(candidate, connection)
  }

  #keep(candidate: Candidate, connection: SmtpConnection): void {
    this.#idle.add(candidate, connection, this.#options.idleTimeoutMs)
  }

  #count({ place }: Candidate, change: 1 | -1): void {
    this.#connections += change
    this.#byServer.set(place.server, this.#openTo(place.server) + change)
  }

  /** Gives a connection back that has no transaction open. */
  giveBack({ connection }: Pick<Lent, 'connection'>): void {
    const { maxErrors, maxTransactions, now } = this.#options
    const candidate = this.#lent.get(connection)
    if (candidate === undefined) return
    this.#lent.delete(connection)
    const worn = connection.errors >= maxErrors || connection.transactions >= maxTransactions
    if (this.#isClosed() || worn || !connection.usable || !this.#places.isUsable(candidate)) return connection.quit()
    candidate.heardAt = now()
    const [next] = this.#waiting
    if (next === undefined) return this.#keep(candidate, connection)
    const { wanted } = next
    const suits = this.#canBecome(connection, wanted.client) && this.#places.order(wanted).includes(candidate)
    if (!suits) return connection.quit() // which makes room for a new one
    this.#waiting.shift()
    this.#lend({ connection, candidate }, true, next)
  }

  /** It was lost while something was asked of it: is its server still there? */
  suspect({ place }: Pick<Lent, 'place'>): void {
    this.#places.suspect(place)
  }

  /** Asks every server that is not known to be usable. Undefined when mail can go somewhere, else what is wrong and where. */
  async probe(): Promise<string | undefined> {
    await this.#places.askAll()
    return this.trouble()
  }

  trouble(): string | undefined {
    return this.#isClosed() ? 'shutting down' : this.#places.trouble()
  }

  servers(): ServerView[] {
    return this.#places.view()
  }

  /** At most half of the connections are lent: one may be held for as long as a text takes to come. */
  get roomy(): boolean {
    return this.#lent.size * 2 <= this.#options.maxConnections
  }

  /** Connections by server. */
  counts(): { readonly server: string; readonly busy: number; readonly idle: number }[] {
    const busy = Map.groupBy(this.#lent.values(), ({ place }) => place.server)
    const idle = Map.groupBy(this.#idle.owners(), ({ place }) => place.server)
    return this.#options.servers.map((server) => ({
      server: server.url,
      busy: busy.get(server)?.length ?? 0,
      idle: (idle.get(server) ?? []).reduce((sum, candidate) => sum + this.#idle.count(candidate), 0),
    }))
  }

  #failed(server: string, why: string): void {
    const { onFact, now } = this.#options
    onFact({ kind: 'backendFailed', at: now(), server, step: 'connect', why })
  }

  /** Ends idle connections now, lent ones too; borrowers hear of it as of any lost connection. */
  close(): void {
    this.#closing.abort()
    this.yielding.close()
    this.#places.close()
    this.#idle.close()
    for (const connection of [...this.#lent.keys()]) connection.destroy('shutting down')
    for (const { timer, borrower } of this.#waiting.splice(0)) {
      clearTimeout(timer)
      borrower({ failed: 'shutting down' })
    }
  }
}
