/**
 * The certificates in use: they follow their files, get new ticket keys every day, and tell when
 * they are about to expire.
 */
import { dirname } from 'node:path'
import type { SecureContext } from 'node:tls'
import type { FactListener } from '../facts/fact.ts'
import { watchBeside } from '../files/watch.ts'
import type { PemOfFiles } from './kept-self-signed.ts'
import { makeCertificate, type Certificate, type PemPair } from './certificate-pair.ts'
import {
  certificateSources,
  contextAmong,
  type CertificateOptions,
  type Certificates,
  type CertificateSource,
} from './certificates.ts'

export interface WatchedCertificateOptions extends CertificateOptions {
  /** Gets certificateLoaded, certificateKept and certificateExpires. */
  readonly onFact: FactListener
  /** A certificate was read, at the opening and whenever its files have changed. */
  readonly onLoaded?: () => void
}

export interface WatchedCertificates extends Certificates {
  /** What the certificates in use were made of, in the order of `all`. */
  readonly texts: readonly PemOfFiles[]
  /** How many of them are in use because their changed files are wrong. */
  readonly kept: number
  /**
   * Reads all files now, changed or not (SIGHUP). Never rejects: what is wrong is told as
   * certificateKept.
   */
  reload(): Promise<void>
  close(): Promise<void>
}

/** One certificate and what became of its files. */
interface Kept {
  readonly source: CertificateSource
  certificate: Certificate
  pem: PemPair
  files: PemPair
  /** What was wrong at the last looks, since when, and whether it was told. */
  doubt: { readonly why: string; readonly since: number; told: boolean } | undefined
  warnedAt: number
}

const hourMs = 3_600_000
const dayMs = 24 * hourMs
/**
 * Two files are replaced one after the other: what does not fit together is a mistake only when it
 * stays so.
 */
const settleMs = 2000
const warnBeforeMs = 14 * dayMs

/**
 * Loads the certificates as `loadCertificates` does, and rejects as it does. From then on new
 * handshakes get what is in the files, running connections keep what they have, and a pair that is
 * broken or does not belong together leaves the old one in use. The caller closes what it gets; it
 * does not keep the process alive.
 */
export async function openCertificates(
  options: WatchedCertificateOptions,
): Promise<WatchedCertificates> {
  const [first, ...rest] = certificateSources(options)
  const load = async (source: CertificateSource): Promise<Kept> => {
    const { pem, files } = await source()
    const certificate = makeCertificate(pem, files, options)
    return { source, certificate, pem, files, doubt: undefined, warnedAt: -Infinity }
  }
  return new Watched(options, [await load(first), ...(await Promise.all(rest.map(load)))])
}

class Watched implements WatchedCertificates {
  readonly #options: WatchedCertificateOptions
  readonly #clock: () => number
  readonly #kept: readonly [Kept, ...Kept[]]
  readonly #watches: readonly { close(): void }[]
  readonly #hourly: NodeJS.Timeout
  #again: NodeJS.Timeout | undefined
  #contextsMadeAt: number
  /** One look at a time. */
  #looking: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: WatchedCertificateOptions, kept: readonly [Kept, ...Kept[]]) {
    this.#options = options
    this.#clock = options.clock ?? Date.now
    this.#kept = kept
    this.#contextsMadeAt = this.#clock()
    for (const each of kept) this.#tellLoaded(each)
    const directories = new Map(
      options.pairs.flatMap(({ cert, key }) => [cert, key].map((file) => [dirname(file), file])),
    )
    this.#watches = [...directories.values()].map((file) =>
      watchBeside(file, () => this.#lookInBackground('changed')),
    )
    this.#hourly = setInterval(() => this.#lookInBackground('hourly'), hourMs).unref()
  }

  get all(): readonly [Certificate, ...Certificate[]] {
    const [first, ...rest] = this.#kept
    return [first.certificate, ...rest.map(({ certificate }) => certificate)]
  }

  get texts(): readonly PemOfFiles[] {
    return this.#kept.map(({ pem, files }) => ({ pem, files }))
  }

  get kept(): number {
    return this.#kept.filter(({ doubt }) => doubt?.told === true).length
  }

  contextFor(serverName?: string): SecureContext {
    return contextAmong(this.all, serverName)
  }

  async reload(): Promise<void> {
    this.#lookInBackground('asked')
    await this.#looking
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const watch of this.#watches) watch.close()
    clearInterval(this.#hourly)
    clearTimeout(this.#again)
    await this.#looking
  }

  #lookInBackground(why: 'changed' | 'hourly' | 'asked'): void {
    this.#looking = this.#looking.then(async () => {
      for (const kept of this.#kept) await this.#look(kept, why === 'asked')
      if (this.#closed) return
      if (this.#clock() - this.#contextsMadeAt >= dayMs) this.#renewContexts()
      for (const kept of this.#kept) this.#warn(kept)
    })
  }

  /** Never rejects. */
  async #look(kept: Kept, asked: boolean): Promise<void> {
    try {
      const { pem, files } = await kept.source()
      if (this.#closed) return
      const same = pem.cert === kept.pem.cert && pem.key === kept.pem.key
      if (!same || asked) {
        Object.assign(kept, { pem, files, certificate: makeCertificate(pem, files, this.#options) })
        this.#tellLoaded(kept)
      }
      kept.doubt = undefined
    } catch (error) {
      this.#doubt(kept, error instanceof Error ? error.message : String(error), asked)
    }
  }

  #doubt(kept: Kept, why: string, asked: boolean): void {
    if (this.#closed) return
    const at = this.#clock()
    if (kept.doubt?.why !== why) kept.doubt = { why, since: at, told: false }
    if (asked || (!kept.doubt.told && at - kept.doubt.since >= settleMs)) {
      kept.doubt.told = true
      this.#options.onFact({ kind: 'certificateKept', at, file: kept.files.cert, why })
    } else if (!kept.doubt.told) {
      clearTimeout(this.#again)
      this.#again = setTimeout(() => this.#lookInBackground('changed'), settleMs).unref()
    }
  }

  #tellLoaded(kept: Kept): void {
    const { name, file, expiresAt } = kept.certificate
    this.#options.onFact({ kind: 'certificateLoaded', at: this.#clock(), name, file, expiresAt })
    this.#options.onLoaded?.()
    kept.warnedAt = -Infinity
    this.#warn(kept)
  }

  #warn(kept: Kept): void {
    const at = this.#clock()
    const { name, file, expiresAt } = kept.certificate
    if (expiresAt - at >= warnBeforeMs || at - kept.warnedAt < dayMs) return
    kept.warnedAt = at
    this.#options.onFact({ kind: 'certificateExpires', at, name, file, expiresAt })
  }

  /**
   * New keys for session tickets: whoever gets hold of one can't read what was said before that day
   * (RFC 5077 5.5).
   */
  #renewContexts(): void {
    this.#contextsMadeAt = this.#clock()
    for (const kept of this.#kept)
      kept.certificate = makeCertificate(kept.pem, kept.files, this.#options)
  }
}
