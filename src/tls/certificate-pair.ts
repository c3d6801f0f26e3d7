/** A certificate and its key, read and checked. */
import { constants, createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { createSecureContext, type SecureContext } from 'node:tls'

export interface Certificate {
  /** For people and for the metric's label: the first host name in it, else its file. */
  readonly name: string
  /** The PEM file; of the self-signed one, the file it is kept in. */
  readonly file: string
  /** ms since the epoch. */
  readonly expiresAt: number
  readonly selfSigned: boolean
  readonly context: SecureContext
  /** True when it is for this host name (RFC 6125 6.4) or address; never throws. */
  fits(host: string): boolean
}

export interface PemPair {
  /** The certificate, then the rest of its chain. */
  readonly cert: string
  readonly key: string
}

export interface ContextSettings {
  /** RFC 8996: nothing below TLS 1.2, which is the default. */
  readonly minimumVersion?: 'TLSv1.2' | 'TLSv1.3'
  /** In OpenSSL's notation, best first; absent: Node's. */
  readonly ciphers?: string
  /**
   * 48 random octets; absent: keys of its own, under which no other context resumes a session (RFC
   * 5077).
   */
  readonly ticketKeys?: Uint8Array
}

/** Reads two PEM files. Rejects with the file and what to do when one can't be read. */
export const readPem = async (files: PemPair): Promise<PemPair> => ({
  cert: await read(files.cert),
  key: await read(files.key),
})

/**
 * Checks a pair and makes it ready for use; `files` are the names for messages. Throws, with the
 * file and what to do, when they don't belong together or can't be used.
 */
export function makeCertificate(
  pem: PemPair,
  files: PemPair,
  settings: ContextSettings = {},
): Certificate {
  const x509 = parseCertificate(pem.cert, files.cert)
  const key = parseKey(pem.key, files.key)
  if (!x509.checkPrivateKey(key)) {
    throw new Error(
      `${files.key}: is not the key of the certificate in ${files.cert}; check which files belong together`,
    )
  }
  const [name = files.cert] = hostNames(x509)
  return {
    name,
    file: files.cert,
    expiresAt: x509.validToDate.getTime(),
    selfSigned: x509.subject === x509.issuer && x509.verify(x509.publicKey),
    context: makeContext(pem, files, settings),
    fits: (host) => isFor(x509, host),
  }
}

/** Any octets can come in SNI; Node throws at some of them, such as an address with a zone. */
function isFor(x509: X509Certificate, host: string): boolean {
  try {
    return (isIP(host) === 0 ? x509.checkHost(host) : x509.checkIP(host)) !== undefined
  } catch {
    return false
  }
}

/** The DNS names of the certificate, in its order. */
function hostNames(x509: X509Certificate): readonly string[] {
  const names = x509.subjectAltName?.matchAll(/DNS:([^,"]+)/g) ?? []
  return [...names].map((found) => found[1] ?? '')
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    throw new Error(`${file}: ${unreadable.get(code) ?? String(error)}`, { cause: error })
  }
}

const unreadable: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'there is no such file; check tls.certificates'],
  ['EACCES', 'no permission to read it; check its owner and mode'],
  ['EISDIR', 'is a directory, expected a PEM file'],
])

function parseCertificate(pem: string, file: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch (error) {
    const hint = pem.includes('PRIVATE KEY') ? '; it holds a key, are cert and key swapped?' : ''
    throw new Error(
      `${file}: holds no certificate in PEM form ("-----BEGIN CERTIFICATE-----")${hint}`,
      {
        cause: error,
      },
    )
  }
}

function parseKey(pem: string, file: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (error) {
    if (pem.includes('ENCRYPTED')) {
      throw new Error(`${file}: the key has a passphrase; take it away with "openssl pkey"`, {
        cause: error,
      })
    }
    throw new Error(`${file}: holds no private key in PEM form ("-----BEGIN PRIVATE KEY-----")`, {
      cause: error,
    })
  }
}

/**
 * The same for all contexts: OpenSSL refuses to resume a session under another one, or under none
 * where it asks for certificates.
 */
const sessionIdContext = 'rcptwise'
/**
 * How long a session can be resumed, in seconds: for a sender's queue run or two. Node's default is
 * five minutes.
 */
const sessionTimeout = 7200

function makeContext(pem: PemPair, files: PemPair, settings: ContextSettings): SecureContext {
  const { minimumVersion = 'TLSv1.2', ciphers, ticketKeys } = settings
  try {
    return createSecureContext({
      cert: pem.cert,
      key: pem.key,
      minVersion: minimumVersion,
      ...(ciphers !== undefined && { ciphers }),
      ...(ticketKeys !== undefined && { ticketKeys: Buffer.from(ticketKeys) }),
      honorCipherOrder: true,
      // A client that renegotiates costs much and gains nothing (CVE-2011-1473).
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
      sessionIdContext,
      sessionTimeout,
    })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new Error(`${files.cert}: can't be used: ${why}`, { cause: error })
  }
}
