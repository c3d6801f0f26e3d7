import type { SecureContext } from 'node:tls'
import { readPair, type Certificate, type PemPair } from './certificate-pair.ts'
import { keepSelfSigned } from './kept-self-signed.ts'

export interface CertificateOptions {
  /** Whose name the self-signed certificate bears. */
  readonly hostname: string
  /** PEM files; empty: a self-signed certificate is made and kept. */
  readonly pairs: readonly PemPair[]
  /** Where the self-signed one is kept. */
  readonly dataDirectory: string
  /** ms since the epoch. */
  readonly clock?: () => number
}

export interface Certificates {
  /** At least one; the first is for clients that ask for no name, or for one that none is for. */
  readonly all: readonly [Certificate, ...Certificate[]]
  /** The context for the name in the client's SNI (RFC 6066 3), if it sent one. */
  contextFor(serverName?: string): SecureContext
}

/**
 * Loads the configured certificates, or makes a self-signed one and keeps it in the data directory. Rejects, with the
 * file and what to do, when a pair can't be read or does not belong together. A certificate that has expired is loaded:
 * mail servers seldom look, and no TLS at all would be worse; `expiresAt` tells. To reload, load again.
 */
export async function loadCertificates(options: CertificateOptions): Promise<Certificates> {
  const [first, ...rest] = await Promise.all(options.pairs.map(readPair))
  const all: Certificates['all'] =
    first === undefined
      ? [await keepSelfSigned(options.hostname, options.dataDirectory, (options.clock ?? Date.now)())]
      : [first, ...rest]
  return {
    all,
    contextFor(serverName) {
      const fitting = serverName === undefined ? undefined : all.find((certificate) => certificate.fits(serverName))
      return (fitting ?? all[0]).context
    },
  }
}
