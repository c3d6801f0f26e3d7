/**
 * Every connection that there is: to which endpoint, lent or idle, how many, and whether there may
 * be one more. Opens none, and knows nothing of those who wait.
 */
import type { ConnectionCount } from '../backend.ts'
import type { EndpointState } from '../endpoints/endpoint-state.ts'
import type { Server } from '../endpoints/route.ts'
import type { SmtpConnection } from '../wire/connection.ts'
import { IdleConnections } from './idle.ts'
import type { OpenConnection } from './lending.ts'

export interface OpenConnectionsOptions {
  readonly maxConnections: number
  /** To one server; absent: no other limit than that for all. */
  readonly perServer?: number | undefined
  /** One has ended, so that there may be room for another. */
  readonly onRoom: () => void
}

export class OpenConnections {
  readonly #options: OpenConnectionsOptions
  readonly idle = new IdleConnections<EndpointState>()
  readonly #lent = new Map<SmtpConnection, EndpointState>()
  /** Open, being opened, or being left; in all and by server. */
  #count = 0
  readonly #byServer = new Map<Server, number>()

  constructor(options: OpenConnectionsOptions) {
    this.#options = options
  }

  /** One is being opened, and is counted from now on; `opened` or `notOpened` follows. */
  begin(endpoint: EndpointState): void {
    this.#change(endpoint, 1)
    endpoint.room.begin()
  }

  notOpened(endpoint: EndpointState): void {
    endpoint.room.failed()
    this.#change(endpoint, -1)
  }

  /** It is ours from its EHLO on until its socket is closed. */
  opened({ connection, endpoint }: OpenConnection): void {
    const { onRoom } = this.#options
    const { room } = endpoint
    room.opened()
    const forget = (): void => {
      this.#lent.delete(connection)
      this.idle.drop(endpoint, connection)
      this.#change(endpoint, -1)
      onRoom()
    }
    const closed = (): void => {
      room.closed()
      onRoom()
    }
    connection.onEnd = forget
    connection.onClosed = closed
  }

  /** One that was opened to ask its endpoint, and was not counted until now. */
  adopt(open: OpenConnection): void {
    this.#change(open.endpoint, 1)
    this.opened(open)
  }

  #change({ server }: EndpointState, by: 1 | -1): void {
    this.#count += by
    this.#byServer.set(server, this.#to(server) + by)
  }

  #to(server: Server): number {
    return this.#byServer.get(server) ?? 0
  }

  /** As many as the configuration allows. */
  get full(): boolean {
    return this.#count >= this.#options.maxConnections
  }

  /** As far as the configuration goes. */
  mayHaveMore(server: Server): boolean {
    const { perServer } = this.#options
    return !this.full && (perServer === undefined || this.#to(server) < perServer)
  }

  hasRoom({ server, room }: EndpointState): boolean {
    return this.mayHaveMore(server) && room.has(performance.now())
  }

  /** There is room at one of these; idle connections that are of no use to its user make room. */
  makeRoom(endpoints: readonly EndpointState[]): boolean {
    if (endpoints.some((endpoint) => this.hasRoom(endpoint))) return true
    if (this.full) this.idle.leaveOne()
    else endpoints.some((endpoint) => this.idle.leaveOne(endpoint))
    return endpoints.some((endpoint) => this.hasRoom(endpoint))
  }

  lend({ connection, endpoint }: OpenConnection): void {
    this.#lent.set(connection, endpoint)
  }

  /**
   * The endpoint of a connection that was lent, and is not any more; undefined when it has ended.
   */
  takeBack(connection: SmtpConnection): EndpointState | undefined {
    const endpoint = this.#lent.get(connection)
    this.#lent.delete(connection)
    return endpoint
  }

  /** Its server has turned it away, and counts it no more. */
  turnedAway({ connection, endpoint }: OpenConnection, why: string): void {
    connection.onClosed = this.#options.onRoom
    endpoint.room.closed()
    connection.destroy(why)
  }

  /** Something was heard from it since then, in ms that only grow. */
  heardSince(endpoint: EndpointState, since: number): boolean {
    if (this.idle.heardAt(endpoint) > since) return true
    return [...this.#lent].some(([{ heardAt }, to]) => to === endpoint && heardAt > since)
  }

  get lent(): number {
    return this.#lent.size
  }

  /** By server. */
  counts(servers: readonly Server[]): readonly ConnectionCount[] {
    const busy = Map.groupBy(this.#lent.values(), ({ server }) => server)
    const idle = Map.groupBy(this.idle.owners(), ({ server }) => server)
    return servers.map((server) => ({
      server: server.url,
      busy: busy.get(server)?.length ?? 0,
      idle: (idle.get(server) ?? []).reduce((sum, one) => sum + this.idle.count(one), 0),
    }))
  }

  /** Ends all of them now; borrowers hear of it as of any lost connection. */
  close(): void {
    this.idle.close()
    for (const connection of [...this.#lent.keys()]) connection.destroy('shutting down')
  }
}
