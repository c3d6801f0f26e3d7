/** The certificates of a worker: made of what its primary has read, and made anew as it says. */
import type { Config } from '../../config/config.ts'
import { type CertificateTexts, GivenCertificates } from '../../tls/given-certificates.ts'
import { certificateSettings, type CertificateSettings } from '../certificates.ts'
import { type Lease, Leases } from '../leases.ts'

export class CertificatesHere {
  #texts: CertificateTexts | undefined
  /** Those that new sessions are served with. */
  #inUse: GivenCertificates | undefined
  readonly #leases = new Leases<CertificateSettings, GivenCertificates>({
    open: (settings) => new GivenCertificates(this.#given(), settings),
    renew: (certificates) => certificates.use(this.#given()),
  })

  /** For a configuration that comes next; gives what takes it back, should that not be used. */
  give(texts: CertificateTexts | undefined): () => void {
    const [textsBefore, inUseBefore] = [this.#texts, this.#inUse]
    this.#texts = texts
    return () => {
      this.#texts = textsBefore
      this.#inUse = inUseBefore
    }
  }

  /** For handshakes from now on, of sessions with the configuration in force. */
  use(texts: CertificateTexts): void {
    this.#texts = texts
    this.#inUse?.use(texts)
  }

  /** Of what was given last. Rejects, with the file and what to do, when it can't be used. */
  async lease(config: Config): Promise<Lease<GivenCertificates> | undefined> {
    const settings = certificateSettings(config)
    const lease = settings && (await this.#leases.lease(settings))
    this.#inUse = lease?.part
    return lease
  }

  #given(): CertificateTexts {
    if (this.#texts === undefined) throw new Error('no certificates were given to serve with')
    return this.#texts
  }
}
