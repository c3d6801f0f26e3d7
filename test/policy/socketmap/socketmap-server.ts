/** A little server that speaks socketmap, as Postfix and sendmail ask it; good, or bad. */
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { netstring } from '../../../src/policy/socketmap/netstring.ts'

export interface SocketmapServer extends AsyncDisposable {
  readonly server: { readonly host: string; readonly port: number; readonly socketPath?: string }
  /** `MAP KEY` of each request. */
  readonly requests: string[]
  /** Connections that were made. */
  readonly connections: () => number
  /** In place of answering as a good one does. */
  instead: ((socket: Socket, request: string) => void) | undefined
  /** Ends the connections that are open. */
  readonly dropAll: () => void
}

/** `entries`: of each map. `port`: of 127.0.0.1, a free one unless given. */
export async function socketmapServer(
  entries: Readonly<Record<string, Readonly<Record<string, string>>>>,
  { socketPath, port: wanted = 0 }: { readonly socketPath?: string; readonly port?: number } = {},
): Promise<SocketmapServer> {
  const sockets = new Set<Socket>()
  let connections = 0
  const answer = (socket: Socket, request: string): void => {
    self.requests.push(request)
    if (self.instead !== undefined) return self.instead(socket, request)
    const space = request.indexOf(' ')
    const map = entries[request.slice(0, space)]
    const key = request.slice(space + 1)
    if (map === undefined) socket.write(netstring('PERM no such map'))
    else socket.write(netstring(Object.hasOwn(map, key) ? `OK ${map[key]}` : 'NOTFOUND '))
  }
  const server = createServer((socket) => {
    connections++
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    let pending = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk])
      for (;;) {
        const [head, digits] = /^(\d+):/.exec(pending.toString('latin1', 0, 8)) ?? []
        if (head === undefined) return
        const end = head.length + Number(digits)
        if (pending.length <= end) return
        const request = pending.toString('utf8', head.length, end)
        pending = pending.subarray(end + 1)
        answer(socket, request)
      }
    })
  })
  if (socketPath === undefined) server.listen(wanted, '127.0.0.1')
  else server.listen(socketPath)
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const dropAll = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  const self: SocketmapServer = {
    server: { host: '127.0.0.1', port, ...(socketPath !== undefined && { socketPath }) },
    requests: [],
    connections: () => connections,
    instead: undefined,
    dropAll,
    async [Symbol.asyncDispose]() {
      if (!server.listening) return
      dropAll()
      server.close()
      await once(server, 'close')
    },
  }
  return self
}
