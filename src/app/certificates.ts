/** The certificates that the configuration names, for listeners that have a use for them. */
import type { Config } from '../config/config.ts'
import type { FactListener } from '../facts/fact.ts'
import type { Privileges } from '../service/user.ts'
import {
  openCertificates,
  type WatchedCertificateOptions,
  type WatchedCertificates,
} from '../tls/watched-certificates.ts'
import { type Lease, Leases } from './leases.ts'

interface CertificateSurroundings {
  readonly onFact: FactListener
  readonly now: () => number
  readonly privileges: Privileges
}

/** All of the configuration that certificates depend on. */
export type CertificateSettings = Omit<WatchedCertificateOptions, 'clock' | 'onFact' | 'onLoaded'>

/** Undefined when no listener speaks TLS. */
export function certificateSettings(config: Config): CertificateSettings | undefined {
  if (config.listen.every(({ tls }) => tls === 'off')) return undefined
  const { hostname, dataDirectory, tls } = config
  const { certificates: pairs, minimumVersion, ciphers } = tls
  return { hostname, pairs, dataDirectory, minimumVersion, ciphers }
}

/** Read from their files, and followed as those change. */
export class CertificatesOfFiles {
  readonly #leases: Leases<CertificateSettings, WatchedCertificates>
  readonly #listeners = new Set<() => void>()

  constructor({ onFact, now, privileges }: CertificateSurroundings) {
    const onLoaded = (): void => {
      for (const listener of this.#listeners) listener()
    }
    this.#leases = new Leases({
      async open(settings) {
        const open = async (): Promise<WatchedCertificates> =>
          await openCertificates({ ...settings, clock: now, onFact, onLoaded })
        // The operator's keys may be root's; a certificate that is made here has to be the user's.
        return await (settings.pairs.length === 0 ? open() : privileges.asRoot(open))
      },
    })
  }

  /**
   * Undefined when no listener speaks TLS. Rejects, with the file and what to do, when a
   * certificate can't be used.
   */
  async lease(config: Config): Promise<Lease<WatchedCertificates> | undefined> {
    const settings = certificateSettings(config)
    return settings && (await this.#leases.lease(settings))
  }

  /** Calls it each time that a certificate was read. */
  onLoaded(listener: () => void): void {
    this.#listeners.add(listener)
  }
}
