/**
 * Connections to the backend's servers, lent and given back: who gets which, and who waits. A
 * reused connection may have died unseen, so its user has to be ready to ask for a fresh one
 * (`fresh`). Which server, and whether it can be used, is for endpoints.ts to say; how many there
 * may be for open-connections.ts; how one is opened for opener.ts.
 */
import type { Extensions } from '../../smtp/ehlo.ts'
import type { ConnectionCount, ServerView } from '../backend.ts'
import { alike } from '../endpoints/choose.ts'
import type { EndpointState } from '../endpoints/endpoint-state.ts'
import { Endpoints } from '../endpoints/endpoints.ts'
import type { HealthOptions } from '../endpoints/health.ts'
import { type Resolver, systemResolver } from '../endpoints/resolve.ts'
import { type Neighbours, noNeighbours } from '../endpoints/room.ts'
import type { Server } from '../endpoints/route.ts'
import { isFailed } from '../wire/command-reply.ts'
import type { SmtpConnection } from '../wire/connection.ts'
import { type BackendClient, isPerClient } from '../wire/tell-client.ts'
import { canBecome, clientToTell, servesAnyone, tellClient } from './client-of-connection.ts'
import type { Borrower, Borrowing, Lender, Lent, NotLent, OpenConnection } from './lending.ts'
import { OpenConnections } from './open-connections.ts'
import { Opener, type OpenerOptions } from './opener.ts'
import { Preemption } from './preemption.ts'
import { type Request, requestFor, slowMs, Waiting } from './waiting.ts'

export interface PoolOptions extends Omit<
  OpenerOptions,
  'endpoints' | 'connections' | 'signal' | 'onAsked'
> {
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
  readonly health?: HealthOptions & {
    /** An endpoint that nothing was heard of for this long is asked. */
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
  readonly #connections: OpenConnections
  readonly #opener: Opener
  readonly #waiting: Waiting
  readonly #endHeeding: () => void
  readonly #closing = new AbortController()
  /** Who holds a connection that others may need more. */
  readonly preemption = new Preemption(() => this.#waiting.urgent() + this.#endpoints.owed())

  constructor(options: PoolOptions) {
    this.#options = options
    const neighbours = options.neighbours ?? noNeighbours
    const { maxConnections, perServer } = options
    this.#connections = new OpenConnections({
      maxConnections,
      perServer,
      onRoom: this.#serveWaiting,
    })
    this.#waiting = new Waiting({
      limitMs: options.connectTimeoutMs,
      onLate: (request) => this.#late(request),
      onTime: this.#serveWaiting,
    })
    this.#endpoints = new Endpoints({
      ...options,
      neighbours,
      ...usualHealth,
      ...options.health,
      resolveEveryMs: options.resolveEveryMs ?? 60_000,
      guarded: options.relayQuestions !== undefined,
      resolver: options.resolver ?? systemResolver,
      random: options.random ?? Math.random,
      ask: async (endpoint) => await this.#opener.ask(endpoint),
      onLeave: (endpoint) => this.#connections.idle.leave(endpoint),
    })
    this.#opener = new Opener({
      ...options,
      endpoints: this.#endpoints,
      connections: this.#connections,
      signal: this.#closing.signal,
      onAsked: (asked) => this.#adopt(asked),
    })
    this.#endHeeding = neighbours.onElsewhere(() => this.#heedNeighbours())
  }

  /** What every server that a client's message may come to offers. */
  get extensions(): Extensions {
    return this.#endpoints.extensions
  }

  /**
   * Lends a connection that the server takes for the client's: one that was used before when one is
   * idle and `fresh` is not asked for. Always answers, once; at once when a connection is idle and
   * its server has not to be told of the client.
   */
  borrow(wanted: Borrowing, borrower: Borrower): void {
    this.#serve(requestFor(wanted, borrower))
  }

  #serve(request: Request): void {
    const { wanted } = request
    if (this.#isClosed()) return this.#answer(request, { failed: 'shutting down' })
    const { resolved } = this.#endpoints
    if (resolved !== undefined && !this.#endpoints.anyUsable) {
      this.#waiting.add(request)
      return void resolved.then(() => this.#serve(request))
    }
    const idle = wanted.fresh === true ? undefined : this.#takeIdle(wanted)
    if (idle !== undefined) return this.#lend(idle, true, request)
    this.#waiting.add(request)
    const order = this.#endpoints.order(wanted)
    if (order.length === 0) return this.#answer(request, this.#opener.nobody(wanted))
    if (this.#connections.makeRoom(alike(order))) void this.#openFor(request, order)
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
  #takeIdle(wanted: Borrowing): OpenConnection | undefined {
    const picked = this.#endpoints.pick(wanted)
    if (picked === undefined) return undefined
    const connection = this.#takeIdleOf(picked, wanted.client)
    if (connection !== undefined) return { connection, endpoint: picked }
    if (this.#connections.hasRoom(picked) && !isPerClient(this.#options.clientAddress))
      return undefined
    for (const endpoint of this.#endpoints.order(wanted)) {
      if (endpoint.rank !== picked.rank || !endpoint.usable) continue
      const other = this.#takeIdleOf(endpoint, wanted.client)
      if (other !== undefined) return { connection: other, endpoint }
    }
    return undefined
  }

  /** The client's own, if there is one. */
  #takeIdleOf(
    endpoint: EndpointState,
    client: BackendClient | undefined,
  ): SmtpConnection | undefined {
    const { idle } = this.#connections
    const { clientAddress } = this.#options
    if (servesAnyone(clientAddress)) return idle.take(endpoint)
    return (
      idle.take(endpoint, (connection) => connection.client === client?.key) ??
      idle.take(endpoint, (connection) => canBecome(connection, client, clientAddress))
    )
  }

  #lend(open: OpenConnection, reused: boolean, request: Request): void {
    const { connection, endpoint } = open
    const { borrower, wanted } = request
    this.#waiting.remove(request)
    this.#connections.lend(open)
    const lent: Lent = { connection, endpoint, server: endpoint.server.url, reused }
    const untold = clientToTell(connection, wanted.client, this.#options.clientAddress)
    if (untold === undefined) borrower(lent)
    else void this.#tellClient(lent, request, untold)
  }

  async #tellClient(
    lent: Lent,
    { wanted, borrower }: Request,
    client: BackendClient,
  ): Promise<void> {
    const no = await tellClient(lent.connection, client)
    if (no === undefined) {
      borrower(lent)
      return
    }
    // Closed while nobody looked.
    if (lent.reused && no.refusal === undefined) {
      this.borrow({ ...wanted, fresh: true }, borrower)
      return
    }
    this.#failed(lent.server, `XCLIENT: ${no.failed}`)
    borrower(no)
  }

  /** Opens one for a request, which may have another one by then. */
  async #openFor(request: Request, order: readonly EndpointState[]): Promise<void> {
    request.opening = true
    this.#waiting.rest(request)
    const slow = setInterval(() => this.#makeWay(order), slowMs)
    const opened = await this.#opener.openFirst(request.wanted, order)
    clearInterval(slow)
    request.opening = false
    const waits = this.#waiting.has(request)
    if (opened !== undefined && !isFailed(opened)) {
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
    for (const endpoint of alike(order)) this.#connections.idle.leaveOne(endpoint)
    this.preemption.wanted()
  }

  /** Waits until one is given back, or may be opened. */
  #wait(request: Request, order: readonly EndpointState[]): void {
    this.#waiting.wait(request, alike(order))
    this.preemption.wanted()
  }

  #late(request: Request): void {
    const { maxConnections, servers } = this.#options
    const limit = request.at.reduce((sum, room) => sum + room.limit, 0)
    const failed =
      this.#connections.full || limit === 0
        ? `all ${maxConnections} connections are busy (backend.pool.max_connections)`
        : `all connections are busy, and the server takes no more than ${limit} at the moment`
    this.#failed(servers[0]?.url ?? '', failed)
    this.#answer(request, { failed })
  }

  /** Those who can have what there is room for now. */
  readonly #serveWaiting = (): void => {
    if (this.#waiting.size === 0 || this.#isClosed()) return
    for (const request of this.#waiting) {
      if (request.opening) continue
      const order = this.#endpoints.order(request.wanted)
      if (order.length === 0 || this.#connections.makeRoom(alike(order))) this.#serve(request)
    }
  }

  /** Others wait for connections of which we have more than our share. */
  #heedNeighbours(): void {
    const { idle } = this.#connections
    this.#endpoints.heedNeighbours()
    for (const endpoint of this.#endpoints.all())
      for (let { owed } = endpoint.room; owed > 0 && idle.leaveOne(endpoint); owed--);
    if (this.#endpoints.owed() > 0) this.preemption.wanted()
    this.#serveWaiting()
  }

  /** A connection that was opened to ask is kept when there is none. */
  #adopt(asked: OpenConnection): void {
    const { connection, endpoint } = asked
    const keeps =
      !this.#isClosed() &&
      this.#connections.mayHaveMore(endpoint.server) &&
      this.#connections.idle.count(endpoint) === 0
    this.#connections.adopt(asked)
    if (keeps) this.#offer(asked)
    else connection.quit()
  }

  /** Gives a connection back that has no transaction open. */
  giveBack({ connection }: Pick<Lent, 'connection'>): void {
    const { maxErrors, maxTransactions, now } = this.#options
    const endpoint = this.#connections.takeBack(connection)
    if (endpoint === undefined) return
    const worn = connection.errors >= maxErrors || connection.transactions >= maxTransactions
    if (this.#isClosed() || worn || !connection.usable || !endpoint.usable) return connection.quit()
    endpoint.heardAt = now()
    this.#offer({ connection, endpoint })
  }

  /** To the first who waits; kept when nobody does. */
  #offer(open: OpenConnection): void {
    const { connection, endpoint } = open
    const { clientAddress, idleTimeoutMs } = this.#options
    // To make room for another process, or for a new one of ours.
    if (endpoint.room.owed > 0) return connection.quit()
    for (const request of this.#waiting) {
      const { wanted, opening } = request
      if (opening && wanted.fresh === true) continue
      const suits =
        canBecome(connection, wanted.client, clientAddress) &&
        this.#endpoints.order(wanted).includes(endpoint)
      if (suits) return this.#lend(open, true, request)
      if (!opening) return connection.quit()
    }
    this.#connections.idle.add(endpoint, connection, idleTimeoutMs)
  }

  async turnedAway(lent: OpenConnection, why: string): Promise<boolean> {
    const { endpoint } = lent
    this.#connections.turnedAway(lent, why)
    if (!(await endpoint.room.isShared(true))) return false
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
    return this.#connections.lent * 2 <= this.#options.maxConnections
  }

  /** Connections by server. */
  counts(): readonly ConnectionCount[] {
    return this.#connections.counts(this.#options.servers)
  }

  #failed(server: string, why: string): void {
    const { onFact, now } = this.#options
    onFact({ kind: 'backendFailed', at: now(), server, step: 'connect', why })
  }

  #isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  /** Ends idle connections now, lent ones too; borrowers hear of it as of any lost connection. */
  close(): void {
    this.#closing.abort()
    this.#endHeeding()
    this.#waiting.close()
    this.preemption.close()
    this.#endpoints.close()
    this.#connections.close()
    for (const request of this.#waiting) this.#answer(request, { failed: 'shutting down' })
  }
}
