/**
 * TLS towards a backend's server (RFC 3207, RFC 8314): whom to trust, and what to say when it is
 * not to be trusted.
 */
import { connect as connectPlain, isIP, type Socket } from 'node:net'
import {
  checkServerIdentity,
  connect,
  createSecureContext,
  type SecureContext,
  type TLSSocket,
} from 'node:tls'
import { readAuthorities } from '../../tls/authorities.ts'

export interface BackendTls {
  /**
   * `opportunistic`: any certificate will do, and clear text when there is no TLS to be had; it
   * keeps off who only listens. `require`: no mail without TLS and a certificate that can be
   * trusted.
   */
  readonly mode: 'opportunistic' | 'require'
  /** With the authorities that are trusted. */
  readonly context: SecureContext
  /**
   * SHA-256 of trusted certificates, 64 hex digits in lower case; empty: the authorities and the
   * name decide.
   */
  readonly fingerprints: readonly string[]
  /** Asked for (SNI) and expected in the certificate; absent: the host that is connected to. */
  readonly serverName?: string
  /** A server that is taken is known to be the one that was meant (RFC 8689 4.2.1). */
  readonly verifiesHost?: boolean
}

/**
 * There is no TLS, or none that can be trusted. A new connection may do without it where the mode
 * allows that.
 */
export class TlsFailure extends Error {
  constructor(why: string) {
    super(why)
    this.name = 'TlsFailure'
  }
}

/** As the configuration has it, with what stands in the file of authorities. */
export interface BackendTlsSettings {
  readonly mode: 'off' | 'opportunistic' | 'require'
  /** In PEM; absent: those that Node.js trusts. */
  readonly authorities?: readonly string[]
  readonly fingerprints: readonly string[]
  readonly serverName?: string
}

/**
 * Reads the file of authorities, where there is one to be read. Throws, with the file and what to
 * do, when it is not there or holds no certificate.
 */
export function readBackendTls({
  ca,
  ...settings
}: Omit<BackendTlsSettings, 'authorities'> & { readonly ca?: string }): BackendTlsSettings {
  if (ca === undefined || settings.mode === 'off') return settings
  return { ...settings, authorities: readAuthorities(ca, 'backend.tls.ca') }
}

/** What new connections need, or undefined for clear text. */
export function backendTls(settings: BackendTlsSettings): BackendTls | undefined {
  const { mode, authorities, fingerprints, serverName } = settings
  if (mode === 'off') return undefined
  const context = createSecureContext({
    minVersion: 'TLSv1.2',
    ...(authorities !== undefined && { ca: [...authorities] }),
  })
  return { mode, context, fingerprints, ...(serverName !== undefined && { serverName }) }
}

/** Where a server listens. */
export interface SocketAddress {
  readonly host: string
  readonly port: number
  /** A socket's file, in place of host and port. */
  readonly socketPath?: string | undefined
}

/** A connection that begins with the handshake (`smtps:`), or without TLS. */
export function connectTo(
  { host, port, socketPath, preamble }: SocketAddress & { readonly preamble?: Buffer | undefined },
  implicit: BackendTls | undefined,
): Socket {
  const endpoint =
    socketPath === undefined ? { host, port, autoSelectFamily: true } : { path: socketPath }
  if (preamble === undefined) {
    return implicit === undefined
      ? connectPlain(endpoint)
      : connect({ ...endpoint, ...options(host, implicit) })
  }
  const socket = connectPlain(endpoint)
  socket.write(preamble)
  return implicit === undefined ? socket : upgrade(socket, host, implicit)
}

/** Begins the handshake on a connection that said 220 to STARTTLS. */
export const upgrade = (socket: Socket, host: string, tls: BackendTls): TLSSocket =>
  connect({ socket, ...options(host, tls) })

function options(host: string, tls: BackendTls) {
  const name = tls.serverName ?? host
  return {
    secureContext: tls.context,
    // An address can't be asked for (RFC 6066 3).
    ...(isIP(name) === 0 && { servername: name }),
    checkServerIdentity: (_: string, certificate: Parameters<typeof checkServerIdentity>[1]) =>
      checkServerIdentity(name, certificate),
    // `distrust` decides, which can tell more than an error code.
    rejectUnauthorized: false,
  }
}

/**
 * After the handshake: why the server is not to be trusted, and what to do; undefined when it is.
 */
export function distrust(socket: TLSSocket, tls: BackendTls): string | undefined {
  if (tls.mode === 'opportunistic') return undefined
  const seen =
    socket.getPeerX509Certificate()?.fingerprint256.replaceAll(':', '').toLowerCase() ?? 'none'
  if (tls.fingerprints.length > 0) {
    return tls.fingerprints.includes(seen)
      ? undefined
      : `the certificate is another one than backend.tls.fingerprint says: its SHA-256 is ${seen}`
  }
  if (socket.authorized) return undefined
  const why = String(socket.authorizationError)
  return `the certificate can't be trusted (${why}); set backend.tls.ca, or backend.tls.fingerprint if ${seen} is its SHA-256`
}
