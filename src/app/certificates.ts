/** The certificates that the configuration names, for listeners that have a use for them. */
import { isDeepStrictEqual } from 'node:util'
import type { Config } from '../config/config.ts'
import type { FactListener } from '../facts.ts'
import type { Privileges } from '../service/user.ts'
import { openCertificates, type WatchedCertificates } from '../tls/watched-certificates.ts'

interface CertificateParts {
  readonly onFact: FactListener
  readonly now: () => number
  readonly privileges: Privileges
}

/**
 * Undefined when no listener speaks TLS. Rejects, with the file and what to do, when a certificate
 * can't be used.
 */
export async function openConfiguredCertificates(
  config: Config,
  { onFact, now, privileges }: CertificateParts,
): Promise<WatchedCertificates | undefined> {
  if (config.listen.every(({ tls }) => tls === 'off')) return undefined
  const { hostname, dataDirectory } = config
  const { certificates: pairs, minimumVersion, ciphers } = config.tls
  const open = async (): Promise<WatchedCertificates> =>
    await openCertificates({
      hostname,
      pairs,
      dataDirectory,
      minimumVersion,
      ciphers,
      clock: now,
      onFact,
    })
  // The operator's keys may be root's; a certificate that is made here has to be the user's.
  return await (pairs.length === 0 ? open() : privileges.asRoot(open))
}

/** Whether the certificates of one configuration do for the other. */
export const sameCertificates = (one: Config, other: Config): boolean =>
  isDeepStrictEqual(named(one), named(other))

const named = ({ listen, hostname, dataDirectory, tls }: Config): unknown => [
  listen.some((entry) => entry.tls !== 'off'),
  hostname,
  dataDirectory,
  tls.certificates,
  tls.minimumVersion,
  tls.ciphers,
]
