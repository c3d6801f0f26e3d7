/** Accepts connections within limits, and owns them until they end. */
import { setTimeout as pause } from 'node:timers/promises'
import { createServer, type Server, type Socket } from 'node:net'
import type { FactListener, LimitName } from '../facts.ts'
import { LinkedList } from '../loop/linked-list.ts'
import { encodeReply, type Reply } from '../smtp/reply.ts'
import { replies } from '../smtp/replies.ts'
import type { Allowance } from '../session/allowance.ts'
import type { Admission, ClientLimits } from './client-limits.ts'
import type { ConnectionOptions, OwnEnd } from './connection-options.ts'
import { Connection } from './connection.ts'
import { plainAddress } from '../peers/network.ts'
import { readProxyHeader } from './proxied.ts'
import { secure, type Secured, type TlsServer } from './upgrade.ts'

/** Everything of a connection that does not depend on its socket. */
export type ServedConnection = Omit<ConnectionOptions, 'ownEnd' | 'secured'>

export interface ListenerOptions {
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
  /** Shared by all listeners of a process. */
  readonly limits: ClientLimits
  readonly greetDelayMs: number
  /**
   * Whether connections from this address begin with a PROXY header, and how long to wait for it.
   */
  readonly proxied:
    { readonly from: (address: string) => boolean; readonly limitMs: number } | undefined
  /** A client's name, which has to be known before the greeting: at once, or in bounded time. */
  readonly lookUp:
    ((address: string) => string | undefined | Promise<string | undefined>) | undefined
  /** Everything of a connection but its client. */
  readonly connection: (client: ClientOfConnection, allowance: Allowance) => ServedConnection
  /** Present: TLS from the first octet, before the greeting (RFC 8314 3.3). */
  readonly implicitTls?: TlsServer | undefined
  readonly onFact: FactListener
  readonly now: () => number
}

export interface ClientOfConnection {
  readonly address: string
  readonly port: number
  readonly rdns?: string
  /** Our own address and port that it came to. */
  readonly local?: string
}

/** A client that was let in, and what it counts for. */
interface Guest {
  readonly client: ClientOfConnection
  readonly ownEnd: OwnEnd
  readonly admission: Admission
}

/** What a server is told to listen at when it is to be reached at every address. */
const everyAddress: ReadonlySet<string> = new Set(['0.0.0.0', '::', '::ffff:0.0.0.0'])

/** Connections that wait to be accepted, at most. */
const backlog = 1024

export class Listener {
  readonly #server: Server
  #options: ListenerOptions
  readonly #connections = new LinkedList<Connection>()
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
    const client = {
      address: plainAddress(socket.remoteAddress ?? ''),
      port: socket.remotePort ?? 0,
      local: `${ownEnd.address} ${ownEnd.port}`,
    }
    const { proxied } = this.#options
    if (proxied?.from(client.address) === true)
      void this.#acceptProxied(socket, { client, ownEnd }, proxied.limitMs)
    else this.#admit(socket, { client, ownEnd }, [])
    this.#options.afterAccept?.()
  }

  /** The client is who the proxy says it is; its limits are its own. */
  async #acceptProxied(
    socket: Socket,
    { client: proxy, ownEnd }: Omit<Guest, 'admission'>,
    limitMs: number,
  ): Promise<void> {
    if (this.#options.limits.full(this.#waiting.size)) {
      this.#turnAway(socket, proxy.address, 'sessions')
      return
    }
    this.#waiting.add(socket)
    const header = await readProxyHeader(socket, limitMs)
    this.#waiting.delete(socket)
    if (header.kind === 'refused') {
      this.#noteRefused(proxy.address, 'proxy_header')
      socket.on('error', () => undefined).destroy()
      return
    }
    const { rest } = header
    const { address, port, local } = header.kind === 'local' ? proxy : header
    const client = {
      address: plainAddress(address),
      port,
      ...(local === undefined ? {} : { local }),
    }
    this.#admit(socket, { client, ownEnd }, rest.length === 0 ? [] : [rest])
    // A TLS socket reads for itself, what was put back first.
    if (this.#options.implicitTls === undefined) socket.resume()
  }

  /** `early`: octets that came before anything was said. */
  #admit(
    socket: Socket,
    { client, ownEnd }: Omit<Guest, 'admission'>,
    early: readonly Buffer[],
  ): void {
    const admission = this.#options.limits.admit(client)
    if (typeof admission === 'string') return this.#turnAway(socket, client.address, admission)
    const guest = { client, ownEnd, admission }
    const { implicitTls } = this.#options
    if (implicitTls === undefined) return this.#welcome(socket, guest, early)
    // What came behind a PROXY header belongs to the handshake.
    for (const octets of early.toReversed()) socket.unshift(octets)
    this.#secureFirst(socket, guest, implicitTls)
  }

  #noteRefused(address: string, limit: LimitName): void {
    const { onFact, now } = this.#options
    onFact({ kind: 'connectionRefused', at: now(), address, limit })
  }

  #turnAway(socket: Socket, address: string, limit: LimitName): void {
    this.#noteRefused(address, limit)
    turnAway(socket, refusalFor[limit] ?? replies.tooManySessions)
  }

  #secureFirst(plain: Socket, guest: Guest, tls: TlsServer): void {
    const { onFact, now } = this.#options
    const socket = secure(plain, tls, {
      secured: (secured) => {
        this.#waiting.delete(socket)
        this.#welcome(socket, guest, [], secured)
      },
      failed: (failure) => {
        this.#waiting.delete(socket)
        guest.admission.end()
        onFact({ kind: 'tlsFailed', at: now(), address: guest.client.address, ...failure })
      },
    })
    this.#waiting.add(socket)
  }

  #welcome(socket: Socket, guest: Guest, early: readonly Buffer[], secured?: Secured): void {
    const { lookUp, greetDelayMs } = this.#options
    const rdns = lookUp?.(guest.client.address)
    if (rdns instanceof Promise || greetDelayMs > 0 || early.length > 0)
      void this.#beginLater(socket, { ...guest, rdns }, [...early], secured)
    else this.#beginNamed(socket, guest, { rdns, secured })?.greet()
  }

  async #beginLater(
    socket: Socket,
    guest: Guest & { readonly rdns: string | undefined | Promise<string | undefined> },
    early: Buffer[],
    secured?: Secured,
  ): Promise<void> {
    const { greetDelayMs } = this.#options
    const onEarly = (data: Buffer): void => {
      if (early.length === 0) early.push(data) // that something came is all that counts
    }
    const onGone = (): void => {
      socket.destroy()
    }
    this.#waiting.add(socket)
    socket.on('data', onEarly).on('error', onGone).on('end', onGone)
    // A client that waits keeps nothing alive.
    const delay = greetDelayMs === 0 ? undefined : pause(greetDelayMs, undefined, { ref: false })
    const [rdns] = await Promise.all([guest.rdns, delay])
    this.#waiting.delete(socket)
    socket.off('data', onEarly).off('error', onGone).off('end', onGone)
    const connection = this.#beginNamed(socket, guest, { rdns, secured })
    if (connection === undefined) return
    for (const data of early) socket.emit('data', data)
    connection.greet()
  }

  /** Undefined when the client has gone, or what its name makes of it has reached a limit. */
  #beginNamed(
    socket: Socket,
    { client, ownEnd, admission }: Guest,
    { rdns, secured }: { readonly rdns: string | undefined; readonly secured: Secured | undefined },
  ): Connection | undefined {
    const reached = rdns === undefined ? undefined : admission.named(rdns)
    if (socket.destroyed || reached !== undefined) {
      admission.end()
      if (reached !== undefined) this.#turnAway(socket, client.address, reached)
      return undefined
    }
    const named = rdns === undefined ? client : { ...client, rdns }
    return this.#begin(socket, { client: named, ownEnd, admission }, secured)
  }

  #begin(socket: Socket, { client, ownEnd, admission }: Guest, secured?: Secured): Connection {
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
    onFact({
      kind: 'sessionOpened',
      at: now(),
      session: id,
      peer: peerName,
      address: client.address,
    })
    if (secured !== undefined)
      onFact({ ...secured, kind: 'sessionSecured', at: now(), session: id, peer: peerName })
    return connection
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

/** What a client hears for the limits that are looked at before its session begins. */
const refusalFor: Partial<Record<LimitName, Reply>> = {
  sessions: replies.tooManySessions,
  sessions_per_address: replies.tooManyFromHere,
  sessions_per_network: replies.tooManyFromNetwork,
  sessions_of_class: replies.tooManyOfClass,
  connections_per_minute: replies.connectsTooOften,
  errors_per_minute: replies.tooManyErrorsLately,
}

function turnAway(socket: Socket, reply: Reply): void {
  socket.on('error', () => socket.destroy())
  socket.setTimeout(2000, () => socket.destroy())
  socket.resume()
  socket.end(encodeReply(reply))
}
