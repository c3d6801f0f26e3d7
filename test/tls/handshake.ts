import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { connect, TLSSocket, type ConnectionOptions } from 'node:tls'
import type { Certificates } from '../../src/tls/certificates.ts'

export interface Seen {
  /** The names in the certificate that the client was shown. */
  readonly names: string
  readonly protocol: string | null
  readonly authorized: boolean
}

/**
 * One real handshake on loopback; the server takes its side of a plain connection into TLS, as
 * STARTTLS does.
 */
export async function handshake(
  certificates: Certificates,
  options: ConnectionOptions,
): Promise<Seen> {
  const server = createServer((socket) => {
    const secured = new TLSSocket(socket, {
      isServer: true,
      secureContext: certificates.contextFor(),
      SNICallback: (name, done) => {
        done(null, certificates.contextFor(name))
      },
    })
    // A client that refuses the certificate resets the connection.
    secured.on('error', () => secured.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options })
  try {
    await once(client, 'secureConnect')
    return {
      names: client.getPeerX509Certificate()?.subjectAltName ?? '',
      protocol: client.getProtocol(),
      authorized: client.authorized,
    }
  } finally {
    client.destroy()
    server.close()
    await once(server, 'close')
  }
}
