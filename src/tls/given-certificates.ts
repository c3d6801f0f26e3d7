/**
 * Certificates in a process that does not read their files: it is given what was read, and given it
 * anew when that changes.
 */
import type { SecureContext } from 'node:tls'
import {
  type Certificate,
  type ContextSettings,
  makeCertificate,
  type PemPair,
} from './certificate-pair.ts'
import { type Certificates, contextAmong } from './certificates.ts'

/** What can be sent to another process; `files` are the names for messages. */
export interface CertificateTexts {
  readonly pairs: readonly { readonly pem: PemPair; readonly files: PemPair }[]
  /**
   * The same in all processes, so that a session begun with one can be resumed with another (RFC
   * 5077).
   */
  readonly ticketKeys: Uint8Array
}

export class GivenCertificates implements Certificates {
  readonly #settings: ContextSettings
  #all: Certificates['all']

  /** @throws Error, with the file and what to do, when one can't be used. */
  constructor(texts: CertificateTexts, settings: ContextSettings) {
    this.#settings = settings
    this.#all = make(texts, settings)
  }

  get all(): Certificates['all'] {
    return this.#all
  }

  contextFor(serverName?: string): SecureContext {
    return contextAmong(this.#all, serverName)
  }

  /** Nothing to end: it watches no file. */
  async close(): Promise<void> {
    await Promise.resolve()
  }

  /**
   * For handshakes from now on. @throws Error as the constructor does; the old ones stay in use
   * then.
   */
  use(texts: CertificateTexts): void {
    this.#all = make(texts, this.#settings)
  }
}

function make(
  { pairs, ticketKeys }: CertificateTexts,
  settings: ContextSettings,
): Certificates['all'] {
  const [first, ...rest] = pairs.map(({ pem, files }): Certificate =>
    makeCertificate(pem, files, { ...settings, ticketKeys }),
  )
  if (first === undefined) throw new Error('there is no certificate to serve with')
  return [first, ...rest]
}
