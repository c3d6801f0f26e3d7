/**
 * The HTTP server of the admin address: metrics, health, and the API of the command line (design:
 * Admin API).
 */
import { createHash } from 'node:crypto'
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { readJson } from './body.ts'
import { ConnectionRoom } from './connection-room.ts'
import { consoleAnswer } from './console.ts'
import type { AdminContext } from './context.ts'
import { type AdminResponse, problem } from './exchange.ts'
import { Admission, type Asking } from './admission.ts'
import { isLoopbackHost } from './guard.ts'
import { type InTurn, inTurn } from './in-turn.ts'
import type { Operation } from './operation.ts'
import { operations as allOperations } from './operations.ts'
import { operationFor, Router } from './router.ts'
import { refuseBadHttp, Sender } from './send.ts'
import type { Tokens } from './tokens.ts'
import { listenOnSocket, type UnixSocket } from './unix-socket.ts'

export interface AdminOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /**
   * Without one, only a loopback address is listened on, and only loopback names are answered to.
   */
  readonly tokens?: Tokens
  /** Besides: whoever may open it may do everything. */
  readonly socket?: UnixSocket
  /** With tokens: names that it answers to, besides addresses and loopback names. */
  readonly hosts?: () => readonly string[]
  /** Of one client, which is a token or an address. */
  readonly requestsPerMinute?: number
  /** Wrong tokens from one address. */
  readonly failuresPerMinute?: number
  readonly context: AdminContext
  /** What it answers to: all there is, unless given. */
  readonly operations?: readonly Operation[]
  /** A request could not be served for a reason of our own; it got a 500. */
  readonly onError?: (error: unknown) => void
  /** Somebody has shown wrong tokens: whence, in words for the log, and not each one. */
  readonly onWrongToken?: (what: string) => void
  /** For headers, and for a whole request. */
  readonly timeLimitsMs?: { readonly headers: number; readonly request: number }
}

/** Connections at a time; one more, and the one that has waited longest leaves. */
const mostConnections = 256

export interface Admin {
  readonly address: string
  readonly port: number
  /** Stops listening; requests under way get a second to end. */
  close(): Promise<void>
}

const closeGraceMs = 1000

/**
 * Listens, and resolves when it does.
 * @throws Error when the address can't be listened on, or is not loopback and there is no token.
 */
export async function startAdmin(options: AdminOptions): Promise<Admin> {
  if (options.tokens === undefined && !isLoopbackHost(options.host)) {
    throw new Error(
      `the admin address ${options.host} is not loopback: set admin.tokens, or listen on 127.0.0.1`,
    )
  }
  const admitting = {
    hosts: () => (options.hosts?.() ?? []).map((name) => name.toLowerCase()),
    cookieName: cookieNameOf(options),
    requestsPerMinute: options.requestsPerMinute ?? 1200,
    failuresPerMinute: options.failuresPerMinute ?? 10,
    now: Date.now,
    ...(options.onWrongToken !== undefined && { onWrongToken: options.onWrongToken }),
  }
  const { tokens, socket } = options
  const parts: Parts = {
    options,
    admission: new Admission({ ...admitting, ...(tokens !== undefined && { tokens }) }),
    changes: inTurn(),
    router: new Router(options.operations ?? allOperations),
    sender: new Sender(),
  }
  const server = serverOf(parts)
  await listen(server, options)
  const local =
    socket === undefined
      ? undefined
      : serverOf({ ...parts, admission: new Admission({ ...admitting, by: 'socket' }) })
  try {
    if (local !== undefined && socket !== undefined) await listenOnSocket(local, socket)
  } catch (error) {
    await closeServer(server)
    throw error
  }
  const { address, port } = server.address() as AddressInfo
  return {
    address,
    port,
    close: async () => {
      parts.sender.close()
      await Promise.all([server, local].map(async (one) => one && (await closeServer(one))))
    },
  }
}

function serverOf(parts: Parts): Server {
  const { headers, request } = parts.options.timeLimitsMs ?? { headers: 10_000, request: 20_000 }
  const server = createServer({
    headersTimeout: headers,
    requestTimeout: request,
    connectionsCheckingInterval: Math.min(1000, headers),
    keepAliveTimeout: 30_000,
    maxHeaderSize: 16_384,
  })
  const room = new ConnectionRoom<Socket>(mostConnections)
  server.on('connection', (socket) => room.enter(socket))
  server.on('request', (message, response) => {
    room.begin(message.socket)
    response.once('close', () => room.end(message.socket))
    void serve(parts, message, response)
  })
  server.on('clientError', refuseBadHttp)
  return server
}

async function listen(server: Server, { host, port }: AdminOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>()
  server.once('error', reject)
  server.listen({ host, port }, () => {
    server.off('error', reject)
    resolve(undefined)
  })
  await promise
}

async function closeServer(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  server.close(() => {
    resolve(undefined)
  })
  server.closeIdleConnections()
  const timer = setTimeout(() => {
    server.closeAllConnections()
  }, closeGraceMs)
  await promise
  clearTimeout(timer)
}

/** Cookies are not kept apart by port, and a host may have two front-ends. */
const cookieNameOf = ({ host, port }: AdminOptions): string =>
  `rcptwise_session_${createHash('sha256').update(`${host} ${port}`).digest('hex').slice(0, 8)}`

interface Parts {
  readonly options: AdminOptions
  readonly admission: Admission
  readonly changes: InTurn
  readonly router: Router
  readonly sender: Sender
}

async function serve(
  parts: Parts,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { options, sender } = parts
  response.on('error', () => undefined)
  try {
    const { admission } = parts
    const asking = askingOf(message)
    const answered = await answer(parts, message, asking)
    await sender.send(message, response, answered, async () => await admission.holds(asking))
  } catch (error) {
    options.onError?.(error)
    if (response.headersSent) response.destroy()
    else await sender.send(message, response, internalError)
  }
}

const internalError = problem(500, 'internal error', 'a look at the log')

async function answer(
  { options, admission, router, changes }: Parts,
  message: IncomingMessage,
  asking: Asking,
): Promise<AdminResponse> {
  const { method = '', url = '' } = message
  const file = consoleAnswer({
    method,
    url,
    acceptEncoding: message.headersDistinct['accept-encoding']?.join(', '),
    ifNoneMatch: message.headers['if-none-match'],
  })
  if (file !== undefined) {
    const client = await admission.admit(asking, 'open')
    return 'status' in client ? client : file
  }
  const match = router.find(url)
  const found = match.kind === 'found' ? operationFor(match.operations, method) : undefined
  // Whoever shows no token is not told what there is.
  const isOpen = match.kind === 'found' && match.operations.every(({ access }) => access === 'open')
  const access = found !== undefined && 'run' in found ? found.access : isOpen ? 'open' : 'read'
  const client = await admission.admit(asking, access)
  if ('status' in client) return client
  if (match.kind === 'refused') return match.response
  if (found === undefined || !('run' in found)) return found ?? internalError
  return await found.run(options.context, {
    params: match.params,
    query: match.query,
    header: (name) => headerOf(message, name),
    client,
    wantsToken: admission.wantsToken,
    inTurn: changes,
    door: {
      logIn: async (token) => {
        const begun = await admission.logIn(token, asking.remote)
        if ('status' in begun) return begun
        const { name, role, endsAt, cookie } = begun
        const seconds = Math.floor((endsAt - Date.now()) / 1000)
        return {
          name,
          role,
          endsAt,
          setCookie: admission.setCookie(cookie, seconds, asking.origin),
        }
      },
      logOut: async () => {
        await admission.logOut(asking)
        return admission.setCookie('', 0, asking.origin)
      },
    },
    json: async () => await readJson(message),
  })
}

const askingOf = (message: IncomingMessage): Asking => ({
  method: message.method ?? '',
  host: message.headers.host,
  origin: message.headers.origin,
  authorization: message.headers.authorization,
  cookie: message.headers.cookie,
  console: headerOf(message, 'x-rcptwise-console'),
  fetchSite: headerOf(message, 'sec-fetch-site'),
  remote: remoteAddress(message.socket),
})

const headerOf = ({ headers }: IncomingMessage, name: string): string | undefined => {
  const value = headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}

const remoteAddress = (socket: Socket): string =>
  (socket.remoteAddress ?? 'unknown').replace(/^::ffff:/, '')
