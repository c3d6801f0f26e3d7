/**
 * One socket, from the moment it was accepted to its session, in the order in which it happens: who
 * it is (PROXY header), whether there is room for it, TLS where it comes first, its name and the
 * greet delay, whether there is room for that name. Serves nothing, and owns no session: whoever is
 * turned away here has none.
 */
import type { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { FactListener } from '../facts/fact.ts'
import type { LimitName } from '../facts/sessions.ts'
import { plainAddress } from '../peers/network.ts'
import { replies } from '../smtp/replies.ts'
import { encodeReply, type Reply } from '../smtp/reply.ts'
import type { Admission, ClientLimits } from './client-limits.ts'
import type { OwnEnd } from './connection-options.ts'
import { readProxyHeader } from './proxied.ts'
import { type HandshakeFailure, secure, type Secured, type TlsServer } from './upgrade.ts'
import { known } from '../known.ts'

export interface WelcomeOptions {
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

/** A client that was let in, and what it counts for; its owner ends the admission. */
export interface Guest {
  readonly socket: Socket
  readonly client: ClientOfConnection
  readonly admission: Admission
  /** Of a connection that began with TLS. */
  readonly secured: Secured | undefined
  /** What came before anything was said. */
  readonly early: readonly Buffer[]
}

export interface Door {
  /** How sockets are let in now; another configuration may come while one waits. */
  readonly options: () => WelcomeOptions
  /** Sockets of which nobody knows yet whether they are let in; who closes the door ends them. */
  readonly waiting: Set<Socket>
  /** It is let in. Called once at most, and at once where there is nothing to wait for. */
  readonly onGuest: (guest: Guest) => void
}

/** Never rejects. The socket is ended here, or its guest's owner has it. */
export async function welcome(socket: Socket, ownEnd: OwnEnd, door: Door): Promise<void> {
  const connected = clientOf(socket, ownEnd)
  const proxied = door.options().proxied?.from(connected.address) === true
  const arrived = proxied
    ? await behindProxy(socket, connected, door)
    : { client: connected, early: [] }
  if (arrived === undefined) return
  const { client } = arrived
  let { early } = arrived

  const admission = door.options().limits.admit(client)
  if (typeof admission === 'string') {
    turnAway(socket, client.address, admission, door)
    return
  }

  const { implicitTls } = door.options()
  let open = socket
  let secured: Secured | undefined
  if (implicitTls === undefined) {
    // It was paused behind its header.
    if (proxied) socket.resume()
  } else {
    // What came behind a PROXY header belongs to the handshake. A TLS socket reads for itself, what
    // was put back first.
    for (const octets of early.toReversed()) socket.unshift(octets)
    early = []
    const shaken = await handshake(socket, implicitTls, door)
    if ('why' in shaken) {
      admission.end()
      const { onFact, now } = door.options()
      onFact({ kind: 'tlsFailed', at: now(), address: client.address, ...shaken })
      return
    }
    ;({ open, secured } = shaken)
  }

  const { lookUp, greetDelayMs } = door.options()
  let rdns = lookUp?.(client.address)
  if (rdns instanceof Promise || greetDelayMs > 0) {
    const held = await holdBack(open, rdns, greetDelayMs, door)
    ;({ rdns } = held)
    early = [...early, ...held.early]
  }

  const reached = rdns === undefined ? undefined : admission.named(rdns)
  if (open.destroyed || reached !== undefined) {
    admission.end()
    if (reached !== undefined) turnAway(open, client.address, reached, door)
    return
  }
  const named = rdns === undefined ? client : { ...client, rdns }
  door.onGuest({ socket: open, client: named, admission, secured, early })
}

const clientOf = (socket: Socket, ownEnd: OwnEnd): ClientOfConnection => ({
  address: plainAddress(socket.remoteAddress ?? ''),
  port: socket.remotePort ?? 0,
  local: `${ownEnd.address} ${ownEnd.port}`,
})

interface Arrived {
  readonly client: ClientOfConnection
  /** What stood behind the header. */
  readonly early: readonly Buffer[]
}

/**
 * The client is who the proxy says it is; its limits are its own. Undefined: it was turned away.
 */
async function behindProxy(
  socket: Socket,
  proxy: ClientOfConnection,
  door: Door,
): Promise<Arrived | undefined> {
  const { limits, proxied } = door.options()
  const { waiting } = door
  if (limits.full(waiting.size)) {
    turnAway(socket, proxy.address, 'sessions', door)
    return undefined
  }
  waiting.add(socket)
  const header = await readProxyHeader(socket, proxied?.limitMs ?? 0)
  waiting.delete(socket)
  if (header.kind === 'refused') {
    noteRefused(proxy.address, 'proxy_header', door)
    socket.on('error', () => undefined).destroy()
    return undefined
  }
  const { address, port, local } = header.kind === 'local' ? proxy : header
  return {
    client: {
      address: plainAddress(address),
      port,
      ...known({ local }),
    },
    early: header.rest.length === 0 ? [] : [header.rest],
  }
}

async function handshake(
  plain: Socket,
  tls: TlsServer,
  { waiting }: Door,
): Promise<{ readonly open: Socket; readonly secured: Secured } | HandshakeFailure> {
  return await new Promise((resolve) => {
    const open = secure(plain, tls, {
      secured: (secured) => {
        waiting.delete(open)
        resolve({ open, secured })
      },
      failed: (failure) => {
        waiting.delete(open)
        resolve(failure)
      },
    })
    waiting.add(open)
  })
}

/** Until the name is known and the delay is over. Whoever speaks meanwhile is an early talker. */
async function holdBack(
  socket: Socket,
  name: string | undefined | Promise<string | undefined>,
  greetDelayMs: number,
  { waiting }: Door,
): Promise<{ readonly rdns: string | undefined; readonly early: readonly Buffer[] }> {
  const early: Buffer[] = []
  const onEarly = (data: Buffer): void => {
    if (early.length === 0) early.push(data) // that something came is all that counts
  }
  const onGone = (): void => {
    socket.destroy()
  }
  waiting.add(socket)
  socket.on('data', onEarly).on('error', onGone).on('end', onGone)
  // A client that waits keeps nothing alive.
  const delay = greetDelayMs === 0 ? undefined : pause(greetDelayMs, undefined, { ref: false })
  const [rdns] = await Promise.all([name, delay])
  waiting.delete(socket)
  socket.off('data', onEarly).off('error', onGone).off('end', onGone)
  return { rdns, early }
}

function noteRefused(address: string, limit: LimitName, { options }: Door): void {
  const { onFact, now } = options()
  onFact({ kind: 'connectionRefused', at: now(), address, limit })
}

/** What a client hears for the limits that are looked at before its session begins. */
const refusalFor: Partial<Record<LimitName, Reply>> = {
  sessions: replies.tooManySessions,
  sessions_per_address: replies.tooManyFromHere,
  sessions_per_network: replies.tooManyFromNetwork,
  sessions_of_class: replies.tooManyOfClass,
  connections_per_minute: replies.connectsTooOften,
  errors_per_minute: replies.tooManyErrorsLately,
}

function turnAway(socket: Socket, address: string, limit: LimitName, door: Door): void {
  noteRefused(address, limit, door)
  socket.on('error', () => socket.destroy())
  socket.setTimeout(2000, () => socket.destroy())
  socket.resume()
  socket.end(encodeReply(refusalFor[limit] ?? replies.tooManySessions))
}
