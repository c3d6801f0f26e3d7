/** A server that answers each command with a fixed reply: `+OK` unless told otherwise. */
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'

export interface FakeRedis extends AsyncDisposable {
  readonly port: number
  readonly url: string
  /** Without CRLF, by the first word of the command; empty: it says nothing. */
  readonly answers: Map<string, string>
  /** Commands, their words with a blank between. */
  readonly heard: string[]
}

export async function startFakeRedis(
  answers: Readonly<Record<string, string>> = {},
): Promise<FakeRedis> {
  const replies = new Map(Object.entries(answers))
  const heard: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('data', (bytes: Buffer) => {
      // Arrays of bulk strings; the client writes each whole here.
      for (const command of bytes.toString().split(/(?=\*\d+\r\n\$)/)) {
        const words = command.split('\r\n').filter((_, index) => index > 0 && index % 2 === 0)
        heard.push(words.join(' '))
        const reply = replies.get(words[0] ?? '') ?? '+OK'
        if (reply !== '') socket.write(`${reply}\r\n`)
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  let closed = false
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    answers: replies,
    heard,
    [Symbol.asyncDispose]: async () => {
      if (closed) return
      closed = true
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
