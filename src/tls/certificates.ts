/**
 * The certificates that listeners serve with: read, chosen by name, read again when their files
 * change.
 */
import type { SecureContext } from 'node:tls'
import {
  makeCertificate,
  readPem,
  type Certificate,
  type ContextSettings,
  type PemPair,
} from './certificate-pair.ts'
import { keepSelfSigned, type PemOfFiles } from './kept-self-signed.ts'

export interface CertificateOptions extends ContextSettings {
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

/** Reads what a certificate is made of. Rejects with the file and what to do. */
export type CertificateSource = () => Promise<PemOfFiles>

/** One a pair, or that of the self-signed one, which is made and kept when it is not there. */
export function certificateSources(
  options: CertificateOptions,
): readonly [CertificateSource, ...CertificateSource[]] {
  const { hostname, pairs, dataDirectory, clock = Date.now } = options
  const [first, ...rest] = pairs.map((files) => async () => ({ pem: await readPem(files), files }))
  return first === undefined
    ? [async () => await keepSelfSigned(hostname, dataDirectory, clock())]
    : [first, ...rest]
}

/** The first that is for the name, else the first of all. */
export function contextAmong(
  all: Certificates['all'],
  serverName: string | undefined,
): SecureContext {
  const fitting =
    serverName === undefined ? undefined : all.find((certificate) => certificate.fits(serverName))
  return (fitting ?? all[0]).context
}

/**
 * Loads the configured certificates, or makes a self-signed one and keeps it in the data directory.
 * Rejects, with the file and what to do, when a pair can't be read or does not belong together. A
 * certificate that has expired is loaded: mail servers seldom look, and no TLS at all would be
 * worse; `expiresAt` tells. They stay as they are: see watched-certificates.ts for those that
 * follow their files.
 */
export async function loadCertificates(options: CertificateOptions): Promise<Certificates> {
  const load = async (source: CertificateSource): Promise<Certificate> => {
    const { pem, files } = await source()
    return makeCertificate(pem, files, options)
  }
  const [first, ...rest] = certificateSources(options)
  const all: Certificates['all'] = [await load(first), ...(await Promise.all(rest.map(load)))]
  return { all, contextFor: (serverName) => contextAmong(all, serverName) }
}
