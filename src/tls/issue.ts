/**
 * node-forge is imported here and nowhere else: Node itself can read certificates, but not make
 * them.
 */
import { generateKeyPair, randomBytes } from 'node:crypto'
import { isIP } from 'node:net'
import { promisify } from 'node:util'
import forge from 'node-forge'

export interface Issued {
  /** Both in PEM; the key in PKCS #8. */
  readonly cert: string
  readonly key: string
}

export interface Issuer {
  readonly commonName: string
  readonly key: string
}

export interface CertificateRequest {
  readonly commonName: string
  /**
   * `server`: proves names to clients. `peer`: to servers too, as those of a Redis Cluster want of
   * one another. `authority`: signs such certificates, and nothing below them does.
   */
  readonly use: 'server' | 'peer' | 'authority'
  /** Host names, `*.` names and addresses. */
  readonly names: readonly string[]
  /** ms since the epoch. */
  readonly notBefore: number
  readonly notAfter: number
  /** Of the RSA key, in bits. */
  readonly keyBits: 2048 | 3072
}

/**
 * Makes a key and a certificate for it, signed by `issuer`, or by its own key when there is none
 * (RFC 5280).
 */
export async function issue(request: CertificateRequest, issuer?: Issuer): Promise<Issued> {
  // In OpenSSL, off the main thread; the same takes seconds in JavaScript.
  const { privateKey } = await promisify(generateKeyPair)('rsa', {
    modulusLength: request.keyBits,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  const key = forge.pki.privateKeyFromPem(privateKey)
  const signer = issuer === undefined ? key : forge.pki.privateKeyFromPem(issuer.key)
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = forge.pki.setRsaPublicKey(key.n, key.e)
  certificate.serialNumber = serialNumber()
  certificate.validity.notBefore = new Date(request.notBefore)
  certificate.validity.notAfter = new Date(request.notAfter)
  certificate.setSubject([{ name: 'commonName', value: request.commonName }])
  certificate.setIssuer([{ name: 'commonName', value: issuer?.commonName ?? request.commonName }])
  certificate.setExtensions([
    ...extensionsFor[request.use],
    ...(request.names.length === 0
      ? []
      : [{ name: 'subjectAltName', altNames: request.names.map(altName) }]),
    { name: 'subjectKeyIdentifier' },
    ...(issuer === undefined
      ? []
      : [{ name: 'authorityKeyIdentifier', keyIdentifier: keyIdentifier(signer) }]),
  ])
  certificate.sign(signer, forge.md.sha256.create())
  return { cert: forge.pki.certificateToPem(certificate), key: privateKey }
}

const authority = [
  { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
  { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
]
const server = [
  { name: 'basicConstraints', cA: false, critical: true },
  { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, critical: true },
  { name: 'extKeyUsage', serverAuth: true },
]
const peer = [...server.slice(0, 2), { name: 'extKeyUsage', serverAuth: true, clientAuth: true }]
const extensionsFor = { authority, server, peer } as const

/** SHA-1 of the public key, as in the issuer's subjectKeyIdentifier (RFC 5280 4.2.1.2). */
const keyIdentifier = (signer: forge.pki.rsa.PrivateKey): string =>
  forge.pki
    .getPublicKeyFingerprint(forge.pki.setRsaPublicKey(signer.n, signer.e), {
      type: 'RSAPublicKey',
    })
    .getBytes()

/** 16 octets, positive and without a leading zero (RFC 5280 4.1.2.2). */
function serialNumber(): string {
  const octets = randomBytes(16)
  octets[0] = ((octets[0] ?? 0) & 0x3f) | 0x40
  return octets.toString('hex')
}

/** RFC 5280 4.2.1.6: dNSName is [2], iPAddress is [7]. */
const altName = (
  host: string,
): { readonly type: number; readonly value?: string; readonly ip?: string } =>
  isIP(host) === 0 ? { type: 2, value: host } : { type: 7, ip: host }

/** RFC 5280 appendix A.1, ub-common-name. */
const longestCommonName = 64

/**
 * The name itself where it has room; the names that count are in subjectAltName anyway (RFC 6125
 * 6.4.4).
 */
export const commonNameFor = (name: string): string =>
  name.length <= longestCommonName ? name : 'rcptwise'

/** For clients whose clock is slow. */
export const backdatedMs = 3_600_000
