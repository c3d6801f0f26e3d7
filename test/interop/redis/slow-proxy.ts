/**
 * Stands between a ledger and its server, and can hold back what the server says, or let nobody
 * through.
 */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export interface SlowProxy extends AsyncDisposable {
  readonly url: string
  /** From now on nothing that the server says gets through, until `release`. */
  readonly hold: () => void
  readonly release: () => void
  /** Connections that were made through it. */
  readonly connections: () => number
}

export async function startSlowProxy(port: number): Promise<SlowProxy> {
  const sockets = new Set<Socket>()
  const fromServer = new Set<Socket>()
  let [holding, connections] = [false, 0]
  const server = createServer((client) => {
    connections += 1
    const upstream = connect(port, '127.0.0.1')
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    fromServer.add(upstream)
    upstream.on('close', () => fromServer.delete(upstream))
    client.pipe(upstream)
    upstream.pipe(client)
    if (holding) upstream.pause()
    // `pipe` resumes what it reads from when the other side drains.
    upstream.on('resume', () => {
      if (holding) upstream.pause()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => connections,
    hold: () => {
      holding = true
      for (const socket of fromServer) socket.pause()
    },
    release: () => {
      holding = false
      for (const socket of fromServer) socket.resume()
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
