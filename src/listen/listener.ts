/**
 * Accepts connections, and owns them until they end. Who is let in, and when, is for welcome.ts to
 * say; what is said to them for connection.ts.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { LinkedList } from '../loop/linked-list.ts'
import { plainAddress } from '../peers/network.ts'
import type { Allowance } from '../session/allowance.ts'
import type { ConnectionOptions, OwnEnd } from './connection-options.ts'
import { Connection } from './connection.ts'
import { type ClientOfConnection, type Guest, welcome, type WelcomeOptions } from './welcome.ts'

/** Everything of a connection that does not depend on its socket. */
export type ServedConnection = Omit<ConnectionOptions, 'ownEnd' | 'secured'>

export interface ListenerOptions extends WelcomeOptions {
  readonly host: string
  readonly port: number
  /**
   * A listening socket that this process was given (src/service/activation.ts), in place of host
   * and port.
   */
  readonly descriptor?: number
  /**
   * One that another process owns (src/app/workers/shared-socket.ts), in place of host and port.
   */
  readonly handle?: object
  /** Called behind each connection that was accepted, whatever became of it. */
  readonly afterAccept?: () => void
  /** Everything of a connection but its client. */
  readonly connection: (client: ClientOfConnection, allowance: Allowance) => ServedConnection
}

/** What a server is told to listen at when it is to be reached at every address. */
const everyAddress: ReadonlySet<string> = new Set(['0.0.0.0', '::', '::ffff:0.0.0.0'])

/** Connections that wait to be accepted, at most. */
const backlog = 1024

export class Listener {
  readonly #server: Server
  #options: ListenerOptions
  readonly #connections = new LinkedList<Connection>()
  /** Of which nobody knows yet whether they are let in. */
  readonly #waiting = new Set<Socket>()
  /** Where it listens; undefined where that is more than one address. */
  #oneEnd: OwnEnd | undefined
  /** Called when the last connection has ended. */
  #onEmpty: (() => void)[] = []

  private constructor(options: ListenerOptions) {
    this.#options = options
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
      this.#accept(socket),
    )
  }

  /** Resolves when it listens; rejects when it can't, with what and where. */
  static async open(options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(options)
    const { host, port, descriptor, handle } = options
    const where = descriptor === undefined ? { host, port } : { fd: descriptor }
    await new Promise<void>((resolve, reject) => {
      listener.#server.once('error', reject)
      if (handle === undefined) listener.#server.listen({ ...where, backlog }, resolve)
      else listener.#server.listen(handle, backlog, resolve)
    })
    if (descriptor !== undefined && listener.address === undefined) {
      listener.#server.close()
      throw new Error(
        `descriptor ${descriptor} is no TCP socket: in the socket unit, ListenStream= needs address and port`,
      )
    }
    const { address } = listener
    if (address !== undefined && !everyAddress.has(address))
      listener.#oneEnd = { address: plainAddress(address), port: listener.port }
    return listener
  }

  /** How connections are served from now on; those that are open stay as they are. */
  serve(
    serving: Omit<ListenerOptions, 'host' | 'port' | 'descriptor' | 'handle' | 'afterAccept'>,
  ): void {
    this.#options = { ...this.#options, ...serving }
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  /** As configured; of a socket that was given, its own. */
  get host(): string {
    const { host, descriptor } = this.#options
    return descriptor === undefined ? host : (this.address ?? host)
  }

  /** Where it really listens; undefined when it is no TCP socket. */
  get address(): string | undefined {
    const address = this.#server.address()
    return typeof address === 'object' ? address?.address : undefined
  }

  #accept(socket: Socket): void {
    const ownEnd = this.#oneEnd ?? ownEndOf(socket)
    void welcome(socket, ownEnd, {
      options: () => this.#options,
      waiting: this.#waiting,
      onGuest: (guest) => this.#begin(guest, ownEnd),
    })
    this.#options.afterAccept?.()
  }

  #begin({ socket, client, admission, secured, early }: Guest, ownEnd: OwnEnd): void {
    const served = this.#options.connection(client, admission)
    const connection = new Connection(socket, {
      ...served,
      ownEnd,
      secured,
      onEnd: () => {
        this.#connections.remove(link)
        if (this.#connections.size === 0) for (const told of this.#onEmpty.splice(0)) told()
        admission.end()
        served.onEnd()
      },
    })
    const link = this.#connections.add(connection)
    const { onFact, now } = this.#options
    const { id, peerName } = connection.session
    const { address } = client
    onFact({ kind: 'sessionOpened', at: now(), session: id, peer: peerName, address })
    if (secured !== undefined)
      onFact({ ...secured, kind: 'sessionSecured', at: now(), session: id, peer: peerName })
    for (const data of early) socket.emit('data', data)
    connection.greet()
  }

  /**
   * Stops accepting; resolves when the sessions that there are have ended as they would have
   * anyway.
   */
  async leave(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
    // Some have no socket any more: their client has gone, and the backend's answer is still
    // awaited.
    if (this.#connections.size > 0)
      await new Promise<void>((resolve) => this.#onEmpty.push(resolve))
  }

  /**
   * Stops accepting; sessions between transactions hear 421, the others finish, what is left after
   * `limitMs` is ended.
   */
  async close(limitMs: number): Promise<void> {
    const left = this.leave()
    for (const socket of this.#waiting) socket.destroy()
    const told = (): void => {
      for (const connection of this.#connections) connection.shutdown()
    }
    told()
    const again = setInterval(told, 200)
    const limit = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy()
    }, limitMs)
    await left
    clearInterval(again)
    clearTimeout(limit)
  }
}

/** The kernel is asked: a listener may be at several addresses. */
const ownEndOf = ({ localAddress = '', localPort = 0 }: Socket): OwnEnd => ({
  address: plainAddress(localAddress),
  port: localPort,
})
