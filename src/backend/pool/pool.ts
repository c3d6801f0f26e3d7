/**
 * Connections to the backend's servers: kept, reused, given back. A reused connection may have died
 * unseen, so its user has to be ready to ask for a fresh one (`fresh`). Owns every connection that
 * is not lent. Which server, and whether it can be used, is for endpoints.ts to say.
 */
import type { Extensions } from '../../smtp/ehlo.ts'
import { describeReply, isTransient } from '../../smtp/reply.ts'
import type { ServerView } from '../backend.ts'
import { askPlace, type ConnectOptions, openConnection } from '../endpoints/connect.ts'
import type { HealthOptions } from '../endpoints/health.ts'
import { isFailed } from '../wire/command-reply.ts'
import { IdleConnections } from './idle.ts'
import { type BackendClient, sayXclient } from '../wire/tell-client.ts'
import type { Borrower, Borrowing, Lender, Lent, NotLent } from './lending.ts'
import { type Asked, type EndpointState, type Failure, Endpoints } from '../endpoints/endpoints.ts'
import { notOffered, type RelayQuestions } from '../endpoints/relay-guard.ts'
import { type Resolver, systemResolver } from '../endpoints/resolve.ts'
import { type Neighbours, noNeighbours } from '../endpoints/room.ts'
import type { Server } from '../endpoints/route.ts'
import { SmtpConnection } from '../wire/connection.ts'
import { type Request, slowMs, Waiting } from './waiting.ts'
import { Yielding } from './preemption.ts'

export interface PoolOptions extends ConnectOptions {
  readonly servers: readonly Server[]
  readonly maxConnections: number
  /** To one entry of `servers`; absent: no other limit than that for all. */
  readonly perServer?: number | undefined
  readonly idleTimeoutMs: number
  readonly maxTransactions: number
  /**
   * Refused commands after which a connection is left: Postfix slows a client down after
   * smtpd_soft_error_limit (10).
   */
  readonly maxErrors: number
  /** Use only servers that answer these well (rule 8). */
  readonly relayQuestions?: RelayQuestions | undefined
  readonly health?: HealthOptions & {
    /** A endpoint that nothing was heard of for this long is asked. */
    readonly askEveryMs: number
    /** The longest time between two questions whether an endpoint relays. */
    readonly askRelayAtMostMs?: number
  }
  /** How often names are resolved again. */
  readonly resolveEveryMs?: number
  readonly resolver?: Resolver
  /** Other processes that use the same servers. */
  readonly neighbours?: Neighbours
  /** From 0 to below 1. */
  readonly random?: () => number
}

const usualHealth = {
  ejectMs: 5000,
  ejectAtMostMs: 300_000,
  askEveryMs: 60_000,
  askRelayAtMostMs: 86_400_000,
}

export class Pool implements Lender {
  readonly #options: PoolOptions
  readonly #endpoints: Endpoints
  readonly #idle = new IdleConnections<EndpointState>()
  readonly #waiting: Waiting
  readonly #endHeeding: () => void
  readonly #lent = new Map<SmtpConnection, EndpointState>()
  readonly #closing = new AbortController()
  /** Who holds a connection that others may need more. */
  readonly yielding = new Yielding(() => this.#waiting.urgent() + this.#endpoints.owed())
  /** Open, being opened, or being left; in all and by server. */
  #connections = 0
  readonly #byServer = new Map<Server, number>()

  constructor(options: PoolOptions) {
    this.#options = options
    const neighbours = options.neighbours ?? noNeighbours
    this.#waiting = new Waiting({
      limitMs: options.connectTimeoutMs,
      onLate: (request) => this.#late(request),
      onTime: () => this.#serveWaiting(),
    })
    this.#endHeeding = neighbours.onElsewhere(() => this.#heedNeighbours())
    this.#endpoints = new Endpoints({
      ...options,
      neighbours,
      ...usualHealth,
      ...options.health,
      resolveEveryMs: options.resolveEveryMs ?? 60_000,
      guarded: options.relayQuestions !== undefined,
      resolver: options.resolver ?? systemResolver,
      random: options.random ?? Math.random,
      ask: async (candidate) => await this.#ask(candidate),
      onLeave: (candidate) => this.#idle.leave(candidate),
    })
  }

  /** What every server that a client's message may come to offers. */
  get extensions(): Extensions {
    return this.#endpoints.extensions
  }

  /**
   * Lends a connection that the server takes for the client's: one that was used before when one is
   * idle and `fresh` is not asked for. Always answers, once; at once when a connection is idle and
   * has not to be told of the client.
   */
  borrow(wanted: Borrowing, borrower: Borrower): void {
    this.#serve(this.#waiting.add(wanted, borrower))
  }

  #serve(request: Request): void {
    const { wanted } = request
    if (this.#isClosed()) return this.#answer(request, { failed: 'shutting down' })
    const { resolved } = this.#endpoints
    if (resolved !== undefined && !this.#endpoints.anyUsable)
      return void resolved.then(() => this.#serve(request))
    const idle = wanted.fresh === true ? undefined : this.#takeIdle(wanted)
    if (idle !== undefined) return this.#lend(idle, true, request)
    const order = this.#endpoints.order(wanted)
    if (order.length === 0) return this.#answer(request, this.#nobody(wanted, []))
    if (this.#makeRoom(order)) void this.#openFor(request, order)
    else this.#wait(request, order)
  }

  /** It waits no more. */
  #answer(request: Request, answer: Lent | NotLent): void {
    this.#waiting.remove(request)
    request.borrower(answer)
  }

  /**
   * The chosen endpoint's own; another one's only where no new connection may be opened to the
   * chosen one.
   */
  #takeIdle(
    wanted: Borrowing,
  ): { connection: SmtpConnection; candidate: EndpointState } | undefined {
    const { clientAddress } = this.#options
    const { client } = wanted
    const picked = this.#endpoints.pick(wanted)
    if (picked === undefined) return undefined
    const anyone = clientAddress === 'none' || clientAddress === 'xforward'
    const own = (connection: SmtpConnection): boolean => connection.client === client?.key
    const suits = (connection: SmtpConnection): boolean => this.#canBecome(connection, client)
    const from = (candidate: EndpointState): SmtpConnection | undefined =>
      anyone
        ? this.#idle.take(candidate)
        : (this.#idle.take(candidate, own) ?? this.#idle.take(candidate, suits))
    const connection = from(picked)
    if (connection !== undefined) return { connection, candidate: picked }
    if (this.#hasRoom(picked) && !this.#isPerClient()) return undefined
    for (const candidate of this.#endpoints.order(wanted)) {
      if (candidate.endpoint.rank !== picked.endpoint.rank || !this.#endpoints.isUsable(candidate))
        continue
      const other = from(candidate)
      if (other !== undefined) return { connection: other, candidate }
    }
    return undefined
  }

  #isPerClient(): boolean {
    return this.#options.clientAddress === 'proxy-v1' || this.#options.clientAddress === 'proxy-v2'
  }

  /**
   * Postfix takes XCLIENT again only where smtpd_authorized_xclient_hosts holds the client that it
   * was told of: its EHLO says so.
   */
  #canBecome(connection: SmtpConnection, client: BackendClient | undefined): boolean {
    if (connection.client === client?.key || this.#options.clientAddress === 'none') return true
    if (this.#options.clientAddress === 'xforward') return true
    return (
      this.#options.clientAddress === 'xclient' &&
      client !== undefined &&
      connection.extensions.has('XCLIENT')
    )
  }

  #isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  #openTo = (server: Server): number => this.#byServer.get(server) ?? 0

  #hasRoom({ endpoint, room }: EndpointState): boolean {
    return this.#mayHaveMore(endpoint.server) && room.has(performance.now())
  }

  /** As far as the configuration goes. */
  #mayHaveMore(server: Server): boolean {
    const { maxConnections, perServer } = this.#options
    return (
      this.#connections < maxConnections &&
      (perServer === undefined || this.#openTo(server) < perServer)
    )
  }

  /**
   * There is room for one of the best; idle connections that are of no use for this request make
   * room.
   */
  #makeRoom(order: readonly EndpointState[]): boolean {
    const alike = this.#endpoints.alike(order)
    if (alike.some((candidate) => this.#hasRoom(candidate))) return true
    if (this.#connections >= this.#options.maxConnections) this.#idle.leaveOne()
    else alike.some((candidate) => this.#idle.leaveOne(candidate))
    return alike.some((candidate) => this.#hasRoom(candidate))
  }

  /** Waits until one is given back, or may be opened. */
  #wait(request: Request, order: readonly EndpointState[]): void {
    this.#waiting.wait(request, this.#endpoints.alike(order))
    this.yielding.wanted()
  }

  #late(request: Request): void {
    const { maxConnections, servers } = this.#options
    const limit = request.at.reduce((sum, room) => sum + room.limit, 0)
    const failed =
      this.#connections >= maxConnections || limit === 0
        ? `all ${maxConnections} connections are busy (backend.pool.max_connections)`
        : `all connections are busy, and the server takes no more than ${limit} at the moment`
    this.#failed(servers[0]?.url ?? '', failed)
    this.#answer(request, { failed })
  }

  /** Others wait for connections of which we have more than our share. */
  #heedNeighbours(): void {
    this.#endpoints.heedNeighbours()
    for (const candidate of this.#endpoints.all())
      for (let { owed } = candidate.room; owed > 0 && this.#idle.leaveOne(candidate); owed--);
    if (this.#endpoints.owed() > 0) this.yielding.wanted()
    this.#serveWaiting()
  }

  #lend(
    { connection, candidate }: { connection: SmtpConnection; candidate: EndpointState },
    reused: boolean,
    request: Request,
  ): void {
    const { borrower, wanted } = request
    this.#waiting.remove(request)
    const lent: Lent = {
      connection,
      server: candidate.endpoint.server.url,
      endpoint: candidate,
      reused,
    }
    this.#lent.set(connection, candidate)
    const { client } = wanted
    const known =
      this.#options.clientAddress !== 'xclient' ||
      client === undefined ||
      connection.client === client.key
    if (known) borrower(lent)
    else void this.#introduceInBackground(lent, request, client)
  }

  /**
   * XCLIENT: the server takes the connection for this client's from now on, or has something to say
   * to it.
   */
  async #introduceInBackground(
    lent: Lent,
    { wanted, borrower }: Request,
    client: BackendClient,
  ): Promise<void> {
    const { connection, server } = lent
    const answer = await sayXclient(connection, client)
    if (answer === undefined) {
      connection.client = client.key
      borrower(lent)
      return
    }
    if (isFailed(answer)) {
      connection.quit()
      if (lent.reused) {
        this.borrow({ ...wanted, fresh: true }, borrower)
        return
      } // closed while nobody looked
      this.#failed(server, `XCLIENT: ${answer.failed}`)
      borrower({ failed: answer.failed })
      return
    }
    connection.quit()
    const why = connection.extensions.has('XCLIENT') ? describeReply(answer) : notOffered
    this.#failed(server, `XCLIENT: ${why}`)
    borrower({ failed: why, refusal: answer })
  }

  /** It is ours from its EHLO on until its socket is closed. */
  #own(candidate: EndpointState, connection: SmtpConnection): void {
    const { room } = candidate
    room.opened()
    const forget = (): void => this.#forget(connection, candidate)
    const closed = (): void => {
      room.closed()
      this.#serveWaiting()
    }
    connection.onEnd = forget
    connection.onClosed = closed
  }

  #forget(connection: SmtpConnection, candidate: EndpointState): void {
    this.#lent.delete(connection)
    this.#idle.drop(candidate, connection)
    this.#count(candidate, -1)
    this.#serveWaiting()
  }

  /** Those who can have what there is room for now. */
  readonly #serveWaiting = (): void => {
    if (this.#waiting.size === 0 || this.#isClosed()) return
    for (const request of this.#waiting) {
      if (request.opening) continue
      const order = this.#endpoints.order(request.wanted)
      if (order.length === 0 || this.#makeRoom(order)) this.#serve(request)
    }
  }

  /** Opens one for a request, which may have another one by then. */
  async #openFor(request: Request, order: readonly EndpointState[]): Promise<void> {
    request.opening = true
    this.#waiting.rest(request)
    const slow = setInterval(() => this.#makeWay(order), slowMs)
    const opened = await this.#openFirst(request.wanted, order)
    clearInterval(slow)
    request.opening = false
    const waits = this.#waiting.has(request)
    if (opened !== undefined && 'connection' in opened) {
      if (waits) this.#lend(opened, false, request)
      else this.#offer(opened)
      return
    }
    if (waits && opened === undefined) this.#wait(request, order)
    if (waits && opened !== undefined) this.#answer(request, opened)
    this.#serveWaiting()
  }

  /**
   * What is being opened may wait in a queue of the server's, behind connections that we do not
   * need.
   */
  #makeWay(order: readonly EndpointState[]): void {
    for (const candidate of this.#endpoints.alike(order)) this.#idle.leaveOne(candidate)
    this.yielding.wanted()
  }

  /**
   * Tries the endpoints in order; what an endpoint lacks is known for certain only after its EHLO.
   * Undefined: the best are full.
   */
  async #openFirst(
    wanted: Borrowing,
    order: readonly EndpointState[],
  ): Promise<{ connection: SmtpConnection; candidate: EndpointState } | NotLent | undefined> {
    const failures: string[] = []
    const best = this.#endpoints.alike(order)
    let full = false
    for (const candidate of order) {
      // A busy server is no reason to use the next priority.
      if (full && !best.includes(candidate)) break
      if (!this.#hasRoom(candidate)) {
        full ||= best.includes(candidate)
        continue
      }
      if (this.#options.relayQuestions !== undefined && !this.#endpoints.isUsable(candidate)) {
        await this.#endpoints.ask(candidate)
        if (!this.#endpoints.isUsable(candidate)) {
          failures.push(`${candidate.endpoint.server.url}: ${candidate.health.why ?? ''}`)
          continue
        }
      }
      const connection = await this.#open(candidate, wanted.client)
      if (this.#isClosed()) return { failed: 'shutting down' }
      if (connection === undefined) full = true
      else if (typeof connection === 'string')
        failures.push(`${candidate.endpoint.server.url}: ${connection}`)
      else if (this.#endpoints.order(wanted).includes(candidate)) return { connection, candidate }
      else connection.quit()
    }
    return full ? undefined : this.#nobody(wanted, failures)
  }

  #nobody({ needs }: Borrowing, failures: readonly string[]): NotLent {
    const refusal = this.#endpoints.refusal(needs)
    const failed =
      failures.join('; ') ||
      (this.#endpoints.trouble() ?? 'no server offers what the message needs')
    return refusal === undefined ? { failed } : { failed, refusal }
  }

  /**
   * Opens a connection, counted from now on; or says why not: undefined when the endpoint is full.
   */
  async #open(
    candidate: EndpointState,
    client: BackendClient | undefined,
  ): Promise<SmtpConnection | string | undefined> {
    const begunAt = performance.now()
    this.#count(candidate, 1)
    candidate.room.begin()
    const opened = await openConnection(
      { ...this.#options, signal: this.#closing.signal },
      candidate.endpoint,
      client,
    )
    if (opened instanceof SmtpConnection) {
      this.#own(candidate, opened)
      this.#endpoints.opened(candidate, opened.extensions)
      return opened
    }
    candidate.room.failed()
    this.#count(candidate, -1)
    if (this.#isClosed()) return opened.failed
    if (await this.#isFull(candidate, opened)) {
      candidate.room.turnedAway(begunAt, performance.now())
      this.#endpoints.full(candidate, opened.failed)
      return undefined
    }
    this.#endpoints.failed(candidate, opened.step, opened.failed)
    return opened.failed
  }

  /**
   * A server that answers on other connections is not down: it says so, or it was heard on one of
   * them meanwhile.
   */
  async #isFull(candidate: EndpointState, { step, reply }: Failure): Promise<boolean> {
    if (step !== 'connect' || !(await candidate.room.isShared())) return false
    return reply === undefined ? this.#answersElsewhere(candidate) : isTransient(reply)
  }

  #answersElsewhere(candidate: EndpointState): boolean {
    const since = performance.now() - this.#options.connectTimeoutMs
    if (this.#idle.heardAt(candidate) > since) return true
    return [...this.#lent].some(
      ([connection, lentOf]) => lentOf === candidate && connection.heardAt > since,
    )
  }

  /** Asks by a connection of its own where there is room for one. */
  async #ask(candidate: EndpointState): Promise<Asked> {
    const { room } = candidate
    const begunAt = performance.now()
    if (!room.has(begunAt) && this.#answersElsewhere(candidate)) return { full: true }
    room.begin()
    const adopted: SmtpConnection[] = []
    const asked = await askPlace(
      { ...this.#options, signal: this.#closing.signal },
      candidate,
      (connection) => {
        adopted.push(connection)
        this.#adopt(candidate, connection)
      },
    )
    if (adopted.length === 0) room.failed()
    if (!('failed' in asked) || !(await this.#isFull(candidate, asked))) return asked
    room.turnedAway(begunAt, performance.now())
    return { full: true }
  }

  /** A connection that was opened to ask is kept when there is none. */
  #adopt(candidate: EndpointState, connection: SmtpConnection): void {
    const keeps =
      !this.#isClosed() &&
      this.#mayHaveMore(candidate.endpoint.server) &&
      this.#idle.count(candidate) === 0
    this.#count(candidate, 1)
    this.#own(candidate, connection)
    if (keeps) this.#offer({ connection, candidate })
    else connection.quit()
  }

  #count({ endpoint }: EndpointState, change: 1 | -1): void {
    this.#connections += change
    this.#byServer.set(endpoint.server, this.#openTo(endpoint.server) + change)
  }

  /** Gives a connection back that has no transaction open. */
  giveBack({ connection }: Pick<Lent, 'connection'>): void {
    const { maxErrors, maxTransactions, now } = this.#options
    const candidate = this.#lent.get(connection)
    if (candidate === undefined) return
    this.#lent.delete(connection)
    const worn = connection.errors >= maxErrors || connection.transactions >= maxTransactions
    if (this.#isClosed() || worn || !connection.usable || !this.#endpoints.isUsable(candidate))
      return connection.quit()
    candidate.heardAt = now()
    this.#offer({ connection, candidate })
  }

  /** To the first who waits; kept when nobody does. */
  #offer({
    connection,
    candidate,
  }: {
    readonly connection: SmtpConnection
    readonly candidate: EndpointState
  }): void {
    // To make room for another process, or for a new one of ours.
    if (candidate.room.owed > 0) return connection.quit()
    for (const request of this.#waiting) {
      const { wanted, opening } = request
      if (opening && wanted.fresh === true) continue
      const suits =
        this.#canBecome(connection, wanted.client) &&
        this.#endpoints.order(wanted).includes(candidate)
      if (suits) return this.#lend({ connection, candidate }, true, request)
      if (!opening) return connection.quit()
    }
    this.#idle.add(candidate, connection, this.#options.idleTimeoutMs)
  }

  turnedAway(
    { connection, endpoint }: Pick<Lent, 'connection' | 'endpoint'>,
    why: string,
  ): boolean {
    // Its server counts it no more.
    connection.onClosed = this.#serveWaiting
    endpoint.room.closed()
    connection.destroy(why)
    if (!endpoint.room.shared) return false
    endpoint.room.turnedAway(performance.now(), performance.now())
    this.#endpoints.full(endpoint, why)
    return true
  }

  recheck({ endpoint }: Pick<Lent, 'endpoint'>): void {
    this.#endpoints.recheck(endpoint)
  }

  /**
   * Asks every server that is not known to be usable. Undefined when mail can go somewhere, else
   * what is wrong and where.
   */
  async probe(): Promise<string | undefined> {
    await this.#endpoints.askAll()
    return this.trouble()
  }

  trouble(): string | undefined {
    return this.#isClosed() ? 'shutting down' : this.#endpoints.trouble()
  }

  servers(): ServerView[] {
    return this.#endpoints.view()
  }

  /**
   * At most half of the connections are lent: one may be held for as long as a text takes to come.
   */
  get roomy(): boolean {
    return this.#lent.size * 2 <= this.#options.maxConnections
  }

  /** Connections by server. */
  counts(): { readonly server: string; readonly busy: number; readonly idle: number }[] {
    const busy = Map.groupBy(this.#lent.values(), ({ endpoint }) => endpoint.server)
    const idle = Map.groupBy(this.#idle.owners(), ({ endpoint }) => endpoint.server)
    return this.#options.servers.map((server) => ({
      server: server.url,
      busy: busy.get(server)?.length ?? 0,
      idle: (idle.get(server) ?? []).reduce(
        (sum, candidate) => sum + this.#idle.count(candidate),
        0,
      ),
    }))
  }

  #failed(server: string, why: string): void {
    const { onFact, now } = this.#options
    onFact({ kind: 'backendFailed', at: now(), server, step: 'connect', why })
  }

  /** Ends idle connections now, lent ones too; borrowers hear of it as of any lost connection. */
  close(): void {
    this.#closing.abort()
    this.#endHeeding()
    this.#waiting.close()
    this.yielding.close()
    this.#endpoints.close()
    this.#idle.close()
    for (const connection of [...this.#lent.keys()]) connection.destroy('shutting down')
    for (const request of this.#waiting) this.#answer(request, { failed: 'shutting down' })
  }
}
