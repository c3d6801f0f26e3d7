/**
 * The certificates as a primary gives them to its workers, with keys of session tickets that are
 * the same in all of them.
 */
import { randomBytes } from 'node:crypto'
import type { CertificateTexts } from '../../tls/given-certificates.ts'
import type { WatchedCertificates } from '../../tls/watched-certificates.ts'
import type { Lease } from '../leases.ts'

/**
 * New keys for session tickets: whoever gets hold of one can't read what was said before that day
 * (RFC 5077 5.5).
 */
const ticketKeysMs = 24 * 3_600_000
const ticketKeyBytes = 48

/** Undefined where no listener speaks TLS. */
type LeasedCertificates = Lease<WatchedCertificates> | undefined

export class CertificatesOfWorkers {
  #ticketKeys = randomBytes(ticketKeyBytes)
  #inUse: LeasedCertificates
  readonly #tell: (texts: CertificateTexts) => void
  readonly #renewing: NodeJS.Timeout

  /** `tell` is called with what all workers are to use from then on. */
  constructor(first: LeasedCertificates, tell: (texts: CertificateTexts) => void) {
    this.#inUse = first
    this.#tell = tell
    this.#renewing = setInterval(() => this.renew(), ticketKeysMs)
  }

  /** What a worker needs to serve with these. */
  textsOf(certificates: LeasedCertificates): CertificateTexts | undefined {
    return certificates && { pairs: certificates.part.texts, ticketKeys: this.#ticketKeys }
  }

  /** All workers serve with these, and those before them are let go. */
  async use(certificates: LeasedCertificates): Promise<void> {
    const before = this.#inUse
    this.#inUse = certificates
    this.#tellAll() // the files may have changed since the workers were given them
    await before?.release()
  }

  /**
   * Sessions from before can't be resumed then: whoever comes sees the certificate that is in use
   * now.
   */
  renew(): void {
    this.#ticketKeys = randomBytes(ticketKeyBytes)
    this.#tellAll()
  }

  async close(): Promise<void> {
    clearInterval(this.#renewing)
    await this.#inUse?.release()
  }

  #tellAll(): void {
    const texts = this.textsOf(this.#inUse)
    if (texts !== undefined) this.#tell(texts)
  }
}
