/** node-forge is imported here and nowhere else: Node itself can read certificates, but not make them. */
import { generateKeyPair, randomBytes } from 'node:crypto'
import { isIP } from 'node:net'
import { promisify } from 'node:util'
import forge from 'node-forge'

export interface SelfSigned {
  /** Both in PEM. */
  readonly cert: string
  readonly key: string
}

/** The longest that clients take a certificate of this kind for (CA/Browser Forum ballot 193). */
const validityDays = 825
/** For clients whose clock is slow. */
const backdatedMs = 3_600_000
/** RFC 5280 appendix A.1, ub-common-name. */
const longestCommonName = 64

/**
 * A certificate for a host name or an address, signed by its own RSA key of 2048 bits, good for 825 days from an hour
 * before `now` (ms since the epoch). It is for `localhost`, too. It gives encryption, and no one reason to trust it.
 */
export async function makeSelfSigned(hostname: string, now: number): Promise<SelfSigned> {
  // In OpenSSL, off the main thread; the same takes seconds in JavaScript.
  const { privateKey } = await promisify(generateKeyPair)('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  const key = forge.pki.privateKeyFromPem(privateKey)
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = forge.pki.setRsaPublicKey(key.n, key.e)
  certificate.serialNumber = serialNumber()
  certificate.validity.notBefore = new Date(now - backdatedMs)
  certificate.validity.notAfter = new Date(now - backdatedMs + validityDays * 86_400_000)
  const subject = [{ name: 'commonName', value: hostname.length <= longestCommonName ? hostname : 'rcptwise' }]
  certificate.setSubject(subject)
  certificate.setIssuer(subject)
  certificate.setExtensions([
    { name: 'basicConstraints', cA: false, critical: true },
    { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, critical: true },
    { name: 'extKeyUsage', serverAuth: true },
    { name: 'subjectAltName', altNames: [...new Set([hostname, 'localhost'])].map(altName) },
    { name: 'subjectKeyIdentifier' },
  ])
  certificate.sign(key, forge.md.sha256.create())
  return { cert: forge.pki.certificateToPem(certificate), key: privateKey }
}

/** 16 octets, positive and without a leading zero (RFC 5280 4.1.2.2). */
function serialNumber(): string {
  const octets = randomBytes(16)
  octets[0] = ((octets[0] ?? 0) & 0x3f) | 0x40
  return octets.toString('hex')
}

/** RFC 5280 4.2.1.6: dNSName is [2], iPAddress is [7]. */
const altName = (host: string): { readonly type: number; readonly value?: string; readonly ip?: string } =>
  isIP(host) === 0 ? { type: 2, value: host } : { type: 7, ip: host }
