/**
 * Opens connections for the pool: to the first endpoint that takes one, or to ask an endpoint. A
 * server that turns a connection away and answers on others is full, and not down. Keeps none.
 */
import { isTransient } from '../../smtp/reply.ts'
import { askEndpoint } from '../endpoints/ask.ts'
import { alike } from '../endpoints/choose.ts'
import { type ConnectOptions, type EndpointFailure, openConnection } from '../endpoints/connect.ts'
import type { EndpointState } from '../endpoints/endpoint-state.ts'
import type { Asked, Endpoints } from '../endpoints/endpoints.ts'
import type { RelayQuestions } from '../endpoints/relay-guard.ts'
import { type Failed, isFailed } from '../wire/command-reply.ts'
import { SmtpConnection } from '../wire/connection.ts'
import type { BackendClient } from '../wire/tell-client.ts'
import type { Borrowing, NotLent, OpenConnection } from './lending.ts'
import type { OpenConnections } from './open-connections.ts'

export interface OpenerOptions extends ConnectOptions {
  /** Use only servers that answer these well (rule 8). */
  readonly relayQuestions?: RelayQuestions | undefined
  readonly endpoints: Endpoints
  readonly connections: OpenConnections
  /** Aborted when the pool is closed. */
  readonly signal: AbortSignal
  /** One that was opened to ask its endpoint, and is still good. */
  readonly onAsked: (asked: OpenConnection) => void
}

export class Opener {
  readonly #options: OpenerOptions

  constructor(options: OpenerOptions) {
    this.#options = options
  }

  /**
   * Tries the endpoints in order; what an endpoint lacks is known for certain only after its EHLO.
   * Undefined: the best are full.
   */
  async openFirst(
    wanted: Borrowing,
    order: readonly EndpointState[],
  ): Promise<OpenConnection | NotLent | undefined> {
    const { endpoints, connections } = this.#options
    const failures: string[] = []
    const best = alike(order)
    let full = false
    for (const endpoint of order) {
      // A busy server is no reason to use the next priority.
      if (full && !best.includes(endpoint)) break
      if (!connections.hasRoom(endpoint)) {
        full ||= best.includes(endpoint)
        continue
      }
      const opened = await this.#openAt(endpoint, wanted)
      if (this.#isClosed()) return { failed: 'shutting down' }
      if (opened === undefined) full = true
      else if (isFailed(opened)) failures.push(`${endpoint.server.url}: ${opened.failed}`)
      else if (endpoints.order(wanted).includes(endpoint)) return opened
      else opened.connection.quit()
    }
    return full ? undefined : this.nobody(wanted, failures)
  }

  /** Why there is nobody to open one to. */
  nobody({ needs }: Borrowing, failures: readonly string[] = []): NotLent {
    const { endpoints } = this.#options
    const refusal = endpoints.refusal(needs)
    const failed =
      failures.join('; ') || (endpoints.trouble() ?? 'no server offers what the message needs')
    return refusal === undefined ? { failed } : { failed, refusal }
  }

  /** Undefined when the endpoint is full. One that has to be asked first is asked. */
  async #openAt(
    endpoint: EndpointState,
    { client }: Borrowing,
  ): Promise<OpenConnection | Failed | undefined> {
    const { endpoints, relayQuestions } = this.#options
    const guarded = relayQuestions !== undefined
    if (guarded && !endpoint.usable) await endpoints.ask(endpoint)
    if (guarded && !endpoint.usable) return { failed: endpoint.health.why ?? '' }
    return await this.#open(endpoint, client)
  }

  async #open(
    endpoint: EndpointState,
    client: BackendClient | undefined,
  ): Promise<OpenConnection | Failed | undefined> {
    const { endpoints, connections } = this.#options
    const begunAt = performance.now()
    const { shared } = endpoint.room
    connections.begin(endpoint)
    const connection = await openConnection(this.#options, endpoint, client)
    if (connection instanceof SmtpConnection) {
      const opened = { connection, endpoint }
      connections.opened(opened)
      endpoints.opened(endpoint, connection.extensions)
      return opened
    }
    connections.notOpened(endpoint)
    if (this.#isClosed()) return connection
    if (await this.#isFull(endpoint, connection, shared)) {
      endpoint.room.turnedAway(begunAt, performance.now())
      endpoints.full(endpoint, connection.failed)
      return undefined
    }
    endpoints.failed(endpoint, connection)
    return connection
  }

  /**
   * A server that answers on other connections is not down: it says so, or it was heard on one of
   * them meanwhile. `shared`: there were others when this one was begun; they may be gone by now.
   */
  async #isFull(
    endpoint: EndpointState,
    { step, reply }: EndpointFailure,
    shared: boolean,
  ): Promise<boolean> {
    const { room } = endpoint
    if (step !== 'connect') return false
    if (reply !== undefined) return isTransient(reply) && (shared || (await room.isShared(true)))
    return (await room.isShared(false)) && this.#answersElsewhere(endpoint)
  }

  #answersElsewhere(endpoint: EndpointState): boolean {
    const { connections, connectTimeoutMs } = this.#options
    return connections.heardSince(endpoint, performance.now() - connectTimeoutMs)
  }

  /** Asks by a connection of its own where there is room for one. */
  async ask(endpoint: EndpointState): Promise<Asked> {
    const { onAsked } = this.#options
    const { room } = endpoint
    const begunAt = performance.now()
    const { shared } = room
    if (!room.has(begunAt) && this.#answersElsewhere(endpoint)) return { full: true }
    room.begin()
    const good: SmtpConnection[] = []
    const asked = await askEndpoint(this.#options, endpoint, (connection) => {
      good.push(connection)
      onAsked({ connection, endpoint })
    })
    if (good.length === 0) room.failed()
    if (!isFailed(asked) || !(await this.#isFull(endpoint, asked, shared))) return asked
    room.turnedAway(begunAt, performance.now())
    return { full: true }
  }

  /** Asked anew after each wait. */
  #isClosed(): boolean {
    return this.#options.signal.aborted
  }
}
