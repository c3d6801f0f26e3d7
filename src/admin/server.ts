/**
 * The HTTP server of the admin address: metrics, health, and the API of the command line (design:
 * Admin API).
 */
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { readJson } from './body.ts'
import { ConnectionRoom } from './connection-room.ts'
import type { AdminContext } from './context.ts'
import { type AdminResponse, problem } from './exchange.ts'
import { isLoopbackHost, refuseWebPage } from './guard.ts'
import { findRoute, handlerFor } from './router.ts'
import { healthRoutes } from './routes/health.ts'
import { metricsRoutes } from './routes/metrics.ts'
import { peerRoutes } from './routes/peers.ts'
import { senderRoutes } from './routes/senders.ts'
import { splitRoutes } from './routes/splits.ts'
import type { BearerToken } from './token.ts'

export interface AdminOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /**
   * Without one, only a loopback address is listened on, and only loopback names are answered to.
   */
  readonly token?: BearerToken
  readonly context: AdminContext
  /** A request could not be served for a reason of our own; it got a 500. */
  readonly onError?: (error: unknown) => void
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

export const routes = [
  ...metricsRoutes,
  ...healthRoutes,
  ...peerRoutes,
  ...senderRoutes,
  ...splitRoutes,
]
const closeGraceMs = 1000

/**
 * Listens, and resolves when it does.
 * @throws Error when the address can't be listened on, or is not loopback and there is no token.
 */
export async function startAdmin(options: AdminOptions): Promise<Admin> {
  if (options.token === undefined && !isLoopbackHost(options.host)) {
    throw new Error(
      `the admin address ${options.host} is not loopback: set admin.token_file, or listen on 127.0.0.1`,
    )
  }
  const { headers, request } = options.timeLimitsMs ?? { headers: 10_000, request: 20_000 }
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
    void serve(options, message, response)
  })
  server.on('clientError', refuseBadHttp)
  await listen(server, options)
  const { address, port } = server.address() as AddressInfo
  return {
    address,
    port,
    close: async () => {
      await closeServer(server)
    },
  }
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

async function serve(
  options: AdminOptions,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.on('error', () => undefined)
  try {
    send(message, response, await answer(options, message))
  } catch (error) {
    options.onError?.(error)
    if (!response.headersSent)
      send(message, response, problem(500, 'internal error', 'a look at the log'))
    else response.destroy()
  }
}

async function answer(
  { token, context }: AdminOptions,
  message: IncomingMessage,
): Promise<AdminResponse> {
  const { method = '', url = '' } = message
  if (token === undefined) {
    const refusal = refuseWebPage({
      method,
      host: message.headers.host,
      origin: message.headers.origin,
    })
    if (refusal !== undefined) return refusal
  }
  const match = findRoute(routes, url)
  const open = match.kind === 'found' && match.route.open
  if (!open && token !== undefined && !(await token.admits(message.headers.authorization)))
    return unauthorized
  if (match.kind === 'refused') return match.response
  const handler = handlerFor(match.route, method)
  if (typeof handler !== 'function') return handler
  return await handler(context, {
    params: match.params,
    query: match.query,
    by: token === undefined ? remoteAddress(message.socket) : 'admin',
    json: async () => await readJson(message),
  })
}

const remoteAddress = (socket: Socket): string =>
  (socket.remoteAddress ?? 'unknown').replace(/^::ffff:/, '')

const unauthorized: AdminResponse = {
  ...problem(
    401,
    'the token is missing or wrong',
    'Authorization: Bearer, with the token of admin.token_file',
  ),
  headers: { 'www-authenticate': 'Bearer realm="rcptwise"' },
}

function send(
  message: IncomingMessage,
  response: ServerResponse,
  { status, contentType, body, headers }: AdminResponse,
): void {
  // A body that nobody reads would have to be read before the connection could be used again.
  const hasBody = 'content-length' in message.headers || 'transfer-encoding' in message.headers
  const unread = hasBody && !message.complete
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
    ...(unread && { connection: 'close' }),
  })
  response.end(message.method === 'HEAD' ? undefined : body)
}

/**
 * What is no HTTP, too long or too slow never reaches a route; it still gets an answer in the form
 * of all others.
 */
function refuseBadHttp(error: NodeJS.ErrnoException, socket: Socket | { destroy(): void }): void {
  if (!('writable' in socket) || !socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const [line, said] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? [
          '431 Request Header Fields Too Large',
          problem(431, 'path and headers are too long', 'at most 16384 bytes'),
        ]
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? [
            '408 Request Timeout',
            problem(408, 'the request took too long', 'a whole request within the time limit'),
          ]
        : ['400 Bad Request', problem(400, 'this is not a valid HTTP request', 'HTTP/1.1')]
  const { contentType, body } = said
  const head = [
    `HTTP/1.1 ${line}`,
    `content-type: ${contentType}`,
    `content-length: ${Buffer.byteLength(body)}`,
  ]
  socket.end([...head, 'connection: close', '', body].join('\r\n'), () => {
    socket.destroy()
  })
}
