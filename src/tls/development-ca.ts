/**
 * A certificate authority for development and for networks of one's own: nobody else trusts it
 * until told to.
 */
import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { backdatedMs, commonNameFor, issue, type Issued } from './issue.ts'

const dayMs = 86_400_000

/**
 * RSA with 3072 bits; may sign servers' certificates and no other authority. `now` in ms since the
 * epoch.
 */
export async function makeAuthority(
  commonName: string,
  days: number,
  now: number,
): Promise<Issued> {
  const notBefore = now - backdatedMs
  return await issue({
    commonName,
    use: 'authority',
    names: [],
    notBefore,
    notAfter: notBefore + days * dayMs,
    keyBits: 3072,
  })
}

/**
 * A server's certificate for host names, `*.` names and addresses, signed by an authority that
 * `makeAuthority` made. It ends with the authority's at the latest. Throws when the authority has
 * expired, or is none.
 */
export async function makeServerCertificate(
  names: readonly [string, ...string[]],
  authority: Issued,
  { days, now }: { readonly days: number; readonly now: number },
): Promise<Issued> {
  const ca = new X509Certificate(authority.cert)
  const commonName = /^CN=(.+)$/m.exec(ca.subject)?.[1]
  if (!ca.ca || commonName === undefined)
    throw new Error('the certificate is not that of an authority made here')
  const end = ca.validToDate.getTime()
  if (end <= now)
    throw new Error(`the authority's certificate has expired on ${ca.validToDate.toISOString()}`)
  const notBefore = now - backdatedMs
  return await issue(
    {
      commonName: commonNameFor(names[0]),
      use: 'server',
      names,
      notBefore,
      notAfter: Math.min(notBefore + days * dayMs, end),
      keyBits: 2048,
    },
    { commonName, key: authority.key },
  )
}

const label = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i

/** True for a host name, a name below `*.`, or an address. */
export function canBeCertified(name: string): boolean {
  if (isIP(name) !== 0) return true
  const labels = name.replace(/^\*\./, '').split('.')
  return name.length <= 253 && labels.every((part) => label.test(part)) && !/^[\d.]+$/.test(name)
}
