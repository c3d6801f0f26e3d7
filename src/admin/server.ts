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
import type { Operation } from './operation.ts'
import { operations as allOperations } from './operations.ts'
import { operationFor, Router } from './router.ts'
import { refuseBadHttp, Sender } from './send.ts'
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
  /** What it answers to: all there is, unless given. */
  readonly operations?: readonly Operation[]
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
  const door: Door = {
    options,
    router: new Router(options.operations ?? allOperations),
    sender: new Sender(),
  }
  server.on('connection', (socket) => room.enter(socket))
  server.on('request', (message, response) => {
    room.begin(message.socket)
    response.once('close', () => room.end(message.socket))
    void serve(door, message, response)
  })
  server.on('clientError', refuseBadHttp)
  await listen(server, options)
  const { address, port } = server.address() as AddressInfo
  return {
    address,
    port,
    close: async () => {
      door.sender.close()
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

interface Door {
  readonly options: AdminOptions
  readonly router: Router
  readonly sender: Sender
}

async function serve(
  { options, router, sender }: Door,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.on('error', () => undefined)
  try {
    await sender.send(message, response, await answer(options, router, message))
  } catch (error) {
    options.onError?.(error)
    if (response.headersSent) response.destroy()
    else await sender.send(message, response, internalError)
  }
}

const internalError = problem(500, 'internal error', 'a look at the log')

async function answer(
  { token, context }: AdminOptions,
  router: Router,
  message: IncomingMessage,
): Promise<AdminResponse> {
  const { method = '', url = '' } = message
  if (token === undefined) {
    const { host, origin } = message.headers
    const refusal = refuseWebPage({ method, host, origin })
    if (refusal !== undefined) return refusal
  }
  const match = router.find(url)
  const open = match.kind === 'found' && match.operations.every((operation) => operation.open)
  if (!open && token !== undefined && !(await token.admits(message.headers.authorization)))
    return unauthorized
  if (match.kind === 'refused') return match.response
  const operation = operationFor(match.operations, method)
  if (!('run' in operation)) return operation
  return await operation.run(context, {
    params: match.params,
    query: match.query,
    header: (name) => headerOf(message, name),
    by: token === undefined ? remoteAddress(message.socket) : 'admin',
    json: async () => await readJson(message),
  })
}

const headerOf = ({ headers }: IncomingMessage, name: string): string | undefined => {
  const value = headers[name]
  return Array.isArray(value) ? value.join(', ') : value
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
