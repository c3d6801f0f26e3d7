/** A server that does what a scanner does on a good or a bad day, and texts to be scanned. */
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import type { TextSource } from '../../src/message/text-source.ts'

export type Behaviour = (socket: Socket, request: string) => void

export interface Scripted {
  readonly host: string
  readonly port: number
  /** `http://127.0.0.1:PORT`. */
  readonly url: string
  readonly socketPath?: string
  readonly requests: string[]
  behave: Behaviour
}

/** Does something once the header section of a request has come, and again with each chunk. */
export async function scripted(
  behave: Behaviour,
  { path, ends }: { readonly path?: string; readonly ends: (() => unknown)[] },
): Promise<Scripted> {
  const sockets = new Set<Socket>()
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
    let request = ''
    const index = self.requests.push('') - 1
    socket.on('data', (chunk) => {
      request += chunk.toString('latin1')
      self.requests[index] = request
      if (request.includes('\r\n\r\n')) self.behave(socket, request)
    })
  })
  if (path === undefined) server.listen(0, '127.0.0.1')
  else server.listen(path)
  await once(server, 'listening')
  ends.push(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 80
  const self: Scripted = {
    host: '127.0.0.1',
    port,
    url: `http://127.0.0.1:${port}`,
    ...(path === undefined ? {} : { socketPath: path }),
    requests: [],
    behave,
  }
  return self
}

/** Of so many octets, made as it is read. */
export const scannedText = (
  size: number,
): { readonly size: number; readonly text: TextSource } => ({
  size,
  text: {
    whole: () => undefined,
    async *chunks() {
      for (let left = size; left > 0; left -= 65_536)
        yield await Promise.resolve(Buffer.alloc(Math.min(left, 65_536), 'x'))
    },
  },
})
