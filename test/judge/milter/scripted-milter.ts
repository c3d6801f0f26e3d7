/**
 * A filter that speaks the milter protocol and says what a test wants, event by event: the other
 * side of src/judge/milter, made by hand from the facts of the protocol.
 */
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'

import { agrees, goOn } from './frames.ts'

export interface HeardFrame {
  readonly code: string
  /** One character an octet. */
  readonly data: string
}

/** What it says to a frame; nothing, an answer, or something worse. */
export type Says = (heard: HeardFrame, socket: Socket) => Buffer | undefined

/** By the code of an event; the rest is `c`, and nothing to macros and farewells. */
export const saying =
  (by: Readonly<Record<string, Buffer | undefined>>): Says =>
  ({ code }) => {
    if (code in by) return by[code]
    if (code === 'O') return agrees()
    return 'DAQK'.includes(code) ? undefined : goOn
  }

export interface ScriptedMilter {
  readonly host: string
  readonly port: number
  readonly socketPath?: string
  /** What it has heard, a list for each connection. */
  readonly connections: HeardFrame[][]
  says: Says
}

export async function scriptedMilter(
  says: Says,
  { path, ends }: { readonly path?: string; readonly ends?: (() => unknown)[] } = {},
): Promise<ScriptedMilter> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
    const heard: HeardFrame[] = []
    self.connections.push(heard)
    let octets = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      octets = Buffer.concat([octets, chunk])
      while (octets.length >= 4 && octets.length >= 4 + octets.readUInt32BE()) {
        const end = 4 + octets.readUInt32BE()
        const one = {
          code: octets.toString('latin1', 4, 5),
          // Of a large one its beginning is enough for a test.
          data: octets.toString('latin1', 5, Math.min(end, 70_000)),
        }
        octets = Buffer.from(octets.subarray(end))
        if (heard.length < 10_000) heard.push(one)
        const answer = self.says(one, socket)
        if (answer !== undefined && !socket.destroyed) socket.write(answer)
      }
    })
  })
  if (path === undefined) server.listen(0, '127.0.0.1')
  else server.listen(path)
  server.unref()
  await once(server, 'listening')
  ends?.push(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  const address = server.address()
  const self: ScriptedMilter = {
    host: '127.0.0.1',
    port: typeof address === 'object' && address !== null ? address.port : 0,
    ...(path === undefined ? {} : { socketPath: path }),
    connections: [],
    says,
  }
  return self
}
