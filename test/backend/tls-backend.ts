/**
 * A backend that offers STARTTLS, or begins with TLS, and does on the way to it what a test wants.
 */
import { createServer, type Socket } from 'node:net'
import { createSecureContext, TLSSocket } from 'node:tls'
import type { Issued } from '../../src/tls/issue.ts'

export interface TlsBackendOptions {
  readonly certificate: Issued
  /** Default: offered. */
  readonly offered?: boolean
  readonly implicit?: boolean
  /** In place of the 220, CRLF included; without a 220 in it no handshake follows. */
  readonly answer?: string
  /** In place of the server's side of the handshake. */
  readonly handshake?: 'junk' | 'close' | 'silent'
}

export interface TlsBackend extends AsyncDisposable {
  readonly port: number
  /** Every command line, with `tls ` in front of those that came in TLS. */
  readonly lines: string[]
  /** Names in the clients' SNI. */
  readonly askedFor: string[]
  connections: number
  open(): number
}

export async function startTlsBackend(options: TlsBackendOptions): Promise<TlsBackend> {
  const lines: string[] = []
  const askedFor: string[] = []
  const sockets = new Set<Socket>()
  const context = createSecureContext(options.certificate)

  const secured = (socket: Socket): TLSSocket =>
    new TLSSocket(socket, {
      isServer: true,
      secureContext: context,
      SNICallback: (name, done) => {
        askedFor.push(name)
        done(null, context)
      },
    })

  const upgrade = (socket: Socket): void => {
    socket.removeAllListeners('data')
    if (options.handshake === 'junk') socket.write('this is no TLS at all\r\n')
    else if (options.handshake === 'close') socket.destroy()
    else if (options.handshake !== 'silent') converse(secured(socket))
  }

  const converse = (socket: Socket): void => {
    const tls = socket instanceof TLSSocket
    let unread = ''
    socket.on('error', () => socket.destroy())
    socket.on('data', (data: Buffer) => {
      unread += data.toString('latin1')
      for (let end = unread.indexOf('\r\n'); end !== -1; end = unread.indexOf('\r\n')) {
        const line = unread.slice(0, end)
        unread = unread.slice(end + 2)
        lines.push(`${tls ? 'tls ' : ''}${line}`)
        if (line === 'STARTTLS') {
          socket.write(options.answer ?? '220 2.0.0 go on\r\n')
          if (/^220 /m.test(options.answer ?? '220 ')) upgrade(socket)
        } else {
          const keywords = [
            tls ? 'X-IN-TLS' : 'X-IN-CLEAR',
            ...(tls || options.offered === false ? [] : ['STARTTLS']),
          ]
          const hello = [
            '250-backend.test',
            ...keywords.map((keyword) => `250-${keyword}`),
            '250 PIPELINING',
          ]
          socket.write(line.startsWith('EHLO') ? `${hello.join('\r\n')}\r\n` : '250 2.0.0 Ok\r\n')
        }
      }
    })
  }

  const backend = { lines, askedFor, connections: 0 }
  const server = createServer((socket) => {
    backend.connections++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy())
    const ready = options.implicit === true ? secured(socket) : socket
    converse(ready)
    const greet = (): void => void ready.write('220 backend.test ESMTP\r\n')
    if (ready === socket) greet()
    else ready.once('secure', greet)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return Object.assign(backend, {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    open: () => sockets.size,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  })
}
