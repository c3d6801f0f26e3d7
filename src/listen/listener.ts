/** Accepts connections within limits, and owns them until they end. */
import { setTimeout as pause } from 'node:timers/promises'
import { createServer, type Server, type Socket } from 'node:net'
import type { FactListener } from '../facts.ts'
import { encodeReply, type Reply } from '../smtp/reply.ts'
import { replies } from '../smtp/replies.ts'
import { Connection, type ConnectionOptions } from './connection.ts'
import { readProxyHeader } from './proxied.ts'
import { secure, type Secured, type TlsServer } from './upgrade.ts'

export interface ListenerOptions {
  readonly host: string
  readonly port: number
  /** A listening socket that this process was given (src/service/activation.ts), in place of host and port. */
  readonly descriptor?: number
  readonly limits: { readonly sessions: number; readonly sessionsPerAddress: number }
  readonly greetDelayMs: number
  /** Whether connections from this address begin with a PROXY header, and how long to wait for it. */
  readonly proxied: { readonly from: (address: string) => boolean; readonly limitMs: number } | undefined
  /** What has to be known before the greeting; resolves in bounded time. */
  readonly lookUp: ((address: string) => Promise<string | undefined>) | undefined
  /** Everything of a connection but its client. */
  readonly connection: (client: ClientOfConnection) => Omit<ConnectionOptions, 'onEnd' | 'secured'>
  /** Present: TLS from the first octet, before the greeting (RFC 8314 3.3). */
  readonly implicitTls?: TlsServer | undefined
  readonly onFact: FactListener
  readonly now: () => number
}

export interface ClientOfConnection {
  readonly address: string
  readonly port: number
  readonly rdns?: string
}

/** Sessions that count towards the limits, shared by all listeners of a process. */
export class SessionCounts {
  total = 0
  readonly byAddress = new Map<string, number>()

  add(address: string): void {
    this.total++
    this.byAddress.set(address, (this.byAddress.get(address) ?? 0) + 1)
  }
  remove(address: string): void {
    this.total--
    const left = (this.byAddress.get(address) ?? 1) - 1
    if (left === 0) this.byAddress.delete(address)
    else this.byAddress.set(address, left)
  }
}

export class Listener {
  readonly #server: Server
  readonly #options: ListenerOptions
  readonly #counts: SessionCounts
  readonly #connections = new Set<Connection>()
  readonly #waiting = new Set<Socket>()

  private constructor(options: ListenerOptions, counts: SessionCounts) {
    this.#options = options
    this.#counts = counts
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket))
  }

  /** Resolves when it listens; rejects when it can't, with what and where. */
  static async open(options: ListenerOptions, counts: SessionCounts): Promise<Listener> {
    const listener = new Listener(options, counts)
    const { host, port, descriptor } = options
    const where = descriptor === undefined ? { host, port } : { fd: descriptor }
    await new Promise<void>((resolve, reject) => {
      listener.#server.once('error', reject)
      listener.#server.listen({ ...where, backlog: 1024 }, resolve)
    })
    if (descriptor !== undefined && listener.address === undefined) {
      listener.#server.close()
      throw new Error(
        `descriptor ${descriptor} is no TCP socket: in the socket unit, ListenStream= needs address and port`,
      )
    }
    return listener
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  /** Where a socket that was given listens; undefined when it is no TCP socket. */
  get address(): string | undefined {
    const address = this.#server.address()
    return typeof address === 'object' ? address?.address : undefined
  }

  #accept(socket: Socket): void {
    const client = { address: plainAddress(socket.remoteAddress ?? ''), port: socket.remotePort ?? 0 }
    const { proxied } = this.#options
    if (proxied?.from(client.address) === true) void this.#acceptProxied(socket, client, proxied.limitMs)
    else this.#admit(socket, client, [])
  }

  /** The client is who the proxy says it is; its limits are its own. */
  async #acceptProxied(socket: Socket, proxy: ClientOfConnection, limitMs: number): Promise<void> {
    const { limits, onFact, now } = this.#options
    const refused = (limit: string): void =>
      onFact({ kind: 'connectionRefused', at: now(), address: proxy.address, limit })
    if (this.#counts.total + this.#waiting.size >= limits.sessions) {
      turnAway(socket, replies.tooManySessions, () => refused('sessions'))
      return
    }
    this.#waiting.add(socket)
    const header = await readProxyHeader(socket, limitMs)
    this.#waiting.delete(socket)
    if (header.kind === 'refused') {
      refused('proxy_header')
      socket.on('error', () => undefined).destroy()
      return
    }
    const { rest } = header
    const client = header.kind === 'local' ? proxy : { address: plainAddress(header.address), port: header.port }
    this.#admit(socket, client, rest.length === 0 ? [] : [rest])
    // A TLS socket reads for itself, what was put back first.
    if (this.#options.implicitTls === undefined) socket.resume()
  }

  /** `early`: octets that came before anything was said. */
  #admit(socket: Socket, client: ClientOfConnection, early: readonly Buffer[]): void {
    const { address } = client
    const { limits, onFact, now } = this.#options
    if (this.#counts.total >= limits.sessions)
      return turnAway(socket, replies.tooManySessions, () =>
        onFact({ kind: 'connectionRefused', at: now(), address, limit: 'sessions' }),
      )
    if ((this.#counts.byAddress.get(address) ?? 0) >= limits.sessionsPerAddress) {
      return turnAway(socket, replies.tooManyFromHere, () =>
        onFact({ kind: 'connectionRefused', at: now(), address, limit: 'sessions_per_address' }),
      )
    }
    this.#counts.add(address)
    const { implicitTls } = this.#options
    if (implicitTls === undefined) return this.#welcome(socket, client, early)
    // What came behind a PROXY header belongs to the handshake.
    for (const octets of early.toReversed()) socket.unshift(octets)
    this.#secureFirst(socket, client, implicitTls)
  }

  #secureFirst(plain: Socket, client: ClientOfConnection, tls: TlsServer): void {
    const { onFact, now } = this.#options
    const socket = secure(plain, tls, {
      secured: (secured) => {
        this.#waiting.delete(socket)
        this.#welcome(socket, client, [], secured)
      },
      failed: (failure) => {
        this.#waiting.delete(socket)
        this.#counts.remove(client.address)
        onFact({ kind: 'tlsFailed', at: now(), address: client.address, ...failure })
      },
    })
    this.#waiting.add(socket)
  }

  #welcome(socket: Socket, client: ClientOfConnection, early: readonly Buffer[], secured?: Secured): void {
    const { lookUp, greetDelayMs } = this.#options
    if (lookUp === undefined && greetDelayMs === 0 && early.length === 0)
      return this.#begin(socket, client, secured).greet()
    void this.#beginLater(socket, client, [...early], secured)
  }

  async #beginLater(socket: Socket, client: ClientOfConnection, early: Buffer[], secured?: Secured): Promise<void> {
    const { lookUp, greetDelayMs } = this.#options
    const onEarly = (data: Buffer): void => {
      if (early.length === 0) early.push(data) // that something came is all that counts
    }
    const onGone = (): void => {
      socket.destroy()
    }
    this.#waiting.add(socket)
    socket.on('data', onEarly).on('error', onGone).on('end', onGone)
    const delay = pause(greetDelayMs, undefined, { ref: false }) // a client that waits keeps nothing alive
    const [rdns] = await Promise.all([lookUp?.(client.address), delay])
    this.#waiting.delete(socket)
    socket.off('data', onEarly).off('error', onGone).off('end', onGone)
    if (socket.destroyed) {
      this.#counts.remove(client.address)
      return
    }
    const connection = this.#begin(socket, rdns === undefined ? client : { ...client, rdns }, secured)
    for (const data of early) socket.emit('data', data)
    connection.greet()
  }

  #begin(socket: Socket, client: ClientOfConnection, secured?: Secured): Connection {
    const connection = new Connection(socket, {
      ...this.#options.connection(client),
      secured,
      onEnd: () => {
        this.#connections.delete(connection)
        this.#counts.remove(client.address)
      },
    })
    this.#connections.add(connection)
    const { onFact, now } = this.#options
    const { id, peerName } = connection.session
    onFact({ kind: 'sessionOpened', at: now(), session: id, peer: peerName, address: client.address })
    if (secured !== undefined) onFact({ ...secured, kind: 'sessionSecured', at: now(), session: id, peer: peerName })
    return connection
  }

  /** Stops accepting; sessions between transactions hear 421, the others finish, what is left after `limitMs` is ended. */
  async close(limitMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const socket of this.#waiting) socket.destroy()
    const told = (): void => {
      for (const connection of this.#connections) connection.shutdown()
    }
    told()
    const again = setInterval(told, 200)
    const limit = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy()
    }, limitMs)
    await closed
    clearInterval(again)
    clearTimeout(limit)
  }
}

/** `::ffff:192.0.2.1` is 192.0.2.1. */
export const plainAddress = (address: string): string => address.replace(/^::ffff:(?=[0-9.]+$)/i, '')

function turnAway(socket: Socket, reply: Reply, note: () => void): void {
  note()
  socket.on('error', () => socket.destroy())
  socket.setTimeout(2000, () => socket.destroy())
  socket.resume()
  socket.end(encodeReply(reply))
}
