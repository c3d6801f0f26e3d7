/**
 * A plain socket becomes a TLS one, within a time limit: after STARTTLS, or at once on an
 * implicit-TLS listener. Chooses no certificate, and tells nobody but its listener.
 */
import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { TLSSocket, type SecureContext } from 'node:tls'
import type { ClientCertificate, TlsFailureReason } from '../facts/sessions.ts'
import { handshakeFailure } from '../tls/handshake-failure.ts'

export interface TlsServer {
  /** The context for the name in the client's SNI, or for none. */
  readonly contextFor: (serverName?: string) => SecureContext
  readonly handshakeTimeoutMs: number
  /** Asks the client for a certificate; none is required, and nothing is decided by it. */
  readonly requestCertificate: boolean
}

export interface Secured {
  readonly protocol: string
  readonly cipher: string
  readonly certificate?: ClientCertificate
}

export interface HandshakeFailure {
  readonly reason: TlsFailureReason
  /** In words, with OpenSSL's code. */
  readonly why: string
}

/** Exactly one of the two is called, once. */
export interface HandshakeListener {
  secured(secured: Secured): void
  /** The socket is destroyed, or about to be. */
  failed(failure: HandshakeFailure): void
}

/**
 * The caller listens to the returned socket from now on; a handshake that fails or takes too long
 * ends it.
 */
export function secure(socket: Socket, tls: TlsServer, listener: HandshakeListener): TLSSocket {
  const upgraded = new TLSSocket(socket, {
    isServer: true,
    secureContext: tls.contextFor(),
    SNICallback: (name, done) => done(null, tls.contextFor(name)),
    requestCert: tls.requestCertificate,
    rejectUnauthorized: false,
  })
  let open = true
  const fail = (failure: HandshakeFailure): void => {
    clearTimeout(timer)
    if (!open) return
    open = false
    upgraded.destroy()
    listener.failed(failure)
  }
  const timer = setTimeout(
    () => fail({ reason: 'time', why: `no handshake within ${tls.handshakeTimeoutMs} ms` }),
    tls.handshakeTimeoutMs,
  )
  const onError = (error: Error): void => fail(handshakeFailure(error))
  upgraded.on('error', onError)
  upgraded.once('close', () => fail({ reason: 'closed', why: 'the client closed the connection' }))
  upgraded.once('secure', () => {
    clearTimeout(timer)
    if (!open) return
    open = false
    const shown = tls.requestCertificate ? clientCertificate(upgraded) : undefined
    const protocol = upgraded.getProtocol() ?? 'unknown'
    listener.secured({
      protocol,
      cipher: upgraded.getCipher().name,
      ...(shown && { certificate: shown }),
    })
  })
  // An error of the raw socket reaches the TLS socket; without a listener of its own it would end
  // the process.
  socket.on('error', (error) => {
    onError(error)
    upgraded.destroy()
  })
  return upgraded
}

/** What the client showed; undefined when it showed nothing. */
function clientCertificate(socket: TLSSocket): ClientCertificate | undefined {
  const x509 = socket.getPeerX509Certificate()
  if (x509 === undefined) return undefined
  return {
    subject: inOneLine(x509, 'subject'),
    issuer: inOneLine(x509, 'issuer'),
    fingerprint: x509.fingerprint256.replaceAll(':', '').toLowerCase(),
    verified: verifyCode(socket) ?? 'yes',
  }
}

const inOneLine = (x509: X509Certificate, name: 'subject' | 'issuer'): string =>
  x509[name].replaceAll('\n', ', ')

/**
 * OpenSSL's code for what is wrong with the client's chain. Node fills in `authorized` only for
 * sockets that a tls.Server made, which STARTTLS has no use for; the question that it asks of its
 * handle is asked here.
 */
function verifyCode(socket: TLSSocket): string | undefined {
  const { _handle: handle } = socket as unknown as {
    readonly _handle?: { verifyError?(): unknown } | null
  }
  const error = handle?.verifyError?.()
  if (handle?.verifyError === undefined) return 'UNKNOWN'
  return error instanceof Error ? ('code' in error ? String(error.code) : error.message) : undefined
}
