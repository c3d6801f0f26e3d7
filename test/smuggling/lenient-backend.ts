/**
 * A backend that takes nearly anything for the end of a text: NULs are dropped, CR, LF and CRLF
 * each end a line, and a line that is a dot ends the text. What it then takes for commands is a
 * smuggled message. It counts the messages it was made to see.
 */
import { createServer, type Socket } from 'node:net'

export interface LenientBackend extends AsyncDisposable {
  readonly url: string
  /** Reverse-paths of the messages it has seen, in order. */
  readonly senders: string[]
}

export async function startLenientBackend(): Promise<LenientBackend> {
  const senders: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.write('220 lenient\r\n')
    let inText = false
    let rest = ''
    socket.on('data', (data: Buffer) => {
      rest += data.toString('latin1').replaceAll('\0', '')
      const lines = rest.replaceAll('\r\n', '\n').replaceAll('\r', '\n').split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        if (inText) {
          if (line !== '.') continue
          inText = false
          socket.write('250 2.0.0 Ok\r\n')
        } else if (/^DATA$/i.test(line)) {
          inText = true
          socket.write('354 go on\r\n')
        } else if (/^EHLO/i.test(line))
          socket.write('250-lenient\r\n250-PIPELINING\r\n250 8BITMIME\r\n')
        else {
          const from = /^MAIL FROM:(\S*)/i.exec(line)?.[1]
          if (from !== undefined) senders.push(from)
          socket.write(/^QUIT$/i.test(line) ? '221 2.0.0 Bye\r\n' : '250 2.0.0 Ok\r\n')
        }
      }
    })
  })
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1' }, resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `smtp://127.0.0.1:${port}`,
    senders,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
