/** Making a self-signed certificate. */
import { backdatedMs, commonNameFor, issue, type Issued } from './issue.ts'

/** The longest that clients take a certificate of this kind for (CA/Browser Forum ballot 193). */
const validityMs = 825 * 86_400_000

/**
 * A certificate for a host name or an address, signed by its own RSA key of 2048 bits, good for 825
 * days from an hour before `now` (ms since the epoch). It is for `localhost`, too. It gives
 * encryption, and no one reason to trust it.
 */
export async function makeSelfSigned(hostname: string, now: number): Promise<Issued> {
  const notBefore = now - backdatedMs
  return await issue({
    commonName: commonNameFor(hostname),
    use: 'server',
    names: [...new Set([hostname, 'localhost'])],
    notBefore,
    notAfter: notBefore + validityMs,
    keyBits: 2048,
  })
}
