/** STARTTLS: a plain socket becomes a TLS one, within a time limit. */
import type { Socket } from 'node:net'
import { TLSSocket, type SecureContext } from 'node:tls'

export interface TlsServer {
  /** The context for the name in the client's SNI, or for none. */
  readonly contextFor: (serverName?: string) => SecureContext
  readonly handshakeTimeoutMs: number
}

export interface Secured {
  readonly protocol: string
  readonly cipher: string
}

/** The caller listens to the returned socket from now on; a handshake that fails or takes too long ends it. */
export function secure(socket: Socket, tls: TlsServer, onSecured: (secured: Secured) => void): TLSSocket {
  const upgraded = new TLSSocket(socket, {
    isServer: true,
    secureContext: tls.contextFor(),
    SNICallback: (name, done) => done(null, tls.contextFor(name)),
  })
  const timer = setTimeout(() => upgraded.destroy(), tls.handshakeTimeoutMs)
  upgraded.once('close', () => clearTimeout(timer))
  upgraded.once('secure', () => {
    clearTimeout(timer)
    onSecured({ protocol: upgraded.getProtocol() ?? 'unknown', cipher: upgraded.getCipher().name })
  })
  // An error of the raw socket reaches the TLS socket; without a listener of its own it would end the process.
  socket.on('error', () => upgraded.destroy())
  return upgraded
}
