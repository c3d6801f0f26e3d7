/** A service of policies over HTTP, on a port of its own or at a Unix socket; good, or bad. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { HttpServer } from '../../../src/exchange/http.ts'

export interface PolicyService extends AsyncDisposable {
  readonly server: HttpServer
  /** The keys of each question. */
  readonly questions: (readonly string[])[]
  /** Fields of each question. */
  readonly fields: IncomingMessage['headers'][]
  /** Connections that were made. */
  readonly connections: () => number
  /** In place of answering as a good one does. */
  instead: ((response: ServerResponse) => void) | undefined
  /** Ends the connections that are open. */
  readonly dropAll: () => void
}

export interface ServiceOptions {
  readonly entries?: Readonly<Record<string, unknown>>
  readonly socketPath?: string
  /** Of 127.0.0.1, where it has no socket; a free one unless given. */
  readonly port?: number
  /** Speaks TLS with these. */
  readonly tls?: { readonly cert: string; readonly key: string }
}

export async function policyService({
  entries = {},
  socketPath,
  port: wanted = 0,
  tls,
}: ServiceOptions): Promise<PolicyService> {
  let connections = 0
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = Buffer.concat((await request.toArray()) as Buffer[]).toString()
    const { recipients } = JSON.parse(body) as { recipients: readonly string[] }
    self.questions.push(recipients)
    self.fields.push(request.headers)
    if (self.instead !== undefined) {
      self.instead(response)
      return
    }
    const known = recipients.filter((key) => Object.hasOwn(entries, key))
    response.end(
      JSON.stringify({ recipients: Object.fromEntries(known.map((key) => [key, entries[key]])) }),
    )
  }
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    answer(request, response).catch(() => response.destroy())
  }
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  server.on('connection', () => connections++)
  if (socketPath === undefined) server.listen(wanted, '127.0.0.1')
  else server.listen(socketPath)
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const url =
    socketPath === undefined
      ? `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}/policies`
      : 'http://localhost/policies'
  const self: PolicyService = {
    server: { url, ...(socketPath !== undefined && { socketPath }) },
    questions: [],
    fields: [],
    connections: () => connections,
    instead: undefined,
    dropAll: () => server.closeAllConnections(),
    async [Symbol.asyncDispose]() {
      if (!server.listening) return
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return self
}
