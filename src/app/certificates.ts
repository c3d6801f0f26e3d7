/** The certificates that the configuration names, for listeners that have a use for them. */
import type { Config } from '../config/config.ts'
import type { FactListener } from '../facts.ts'
import type { Privileges } from '../service/user.ts'
import {
  openCertificates,
  type WatchedCertificateOptions,
  type WatchedCertificates,
} from '../tls/watched-certificates.ts'
import { Leases } from './leases.ts'

interface CertificateSurroundings {
  readonly onFact: FactListener
  readonly now: () => number
  readonly privileges: Privileges
}

/** All of the configuration that certificates depend on. */
export type CertificateSettings = Omit<WatchedCertificateOptions, 'clock' | 'onFact'>

/** Undefined when no listener speaks TLS. */
export function certificateSettings(config: Config): CertificateSettings | undefined {
  if (config.listen.every(({ tls }) => tls === 'off')) return undefined
  const { hostname, dataDirectory, tls } = config
  const { certificates: pairs, minimumVersion, ciphers } = tls
  return { hostname, pairs, dataDirectory, minimumVersion, ciphers }
}

/** A lease rejects, with the file and what to do, when a certificate can't be used. */
export function certificatesOfFiles({
  onFact,
  now,
  privileges,
}: CertificateSurroundings): Leases<CertificateSettings, WatchedCertificates> {
  return new Leases({
    async open(settings) {
      const open = async (): Promise<WatchedCertificates> =>
        await openCertificates({ ...settings, clock: now, onFact })
      // The operator's keys may be root's; a certificate that is made here has to be the user's.
      return await (settings.pairs.length === 0 ? open() : privileges.asRoot(open))
    },
  })
}
