/**
 * EHLO keywords: what a backend offers, and what a transparent front-end makes of it (protocol.md:
 * EHLO).
 */

/** Keyword in upper case to its parameters, in the order of the reply. */
export type Extensions = ReadonlyMap<string, string>

const keywordLine = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:[ =](.*))?$/

/** Nothing is offered. */
export const noExtensions: Extensions = new Map()

/** Reads the lines of an EHLO reply; the first one is the greeting. */
export function parseExtensions(lines: readonly string[]): Extensions {
  const extensions = new Map<string, string>()
  for (const line of lines.slice(1)) {
    const match = keywordLine.exec(line.trim())
    if (match?.[1] !== undefined) extensions.set(match[1].toUpperCase(), match[2] ?? '')
  }
  return extensions
}

/** What the front-end itself is willing to do; see `limits` and `ehlo` in the configuration. */
export interface OwnExtensions {
  readonly messageSizeBytes: number
  readonly chunking: boolean
  readonly greylist: boolean
  /** Whether each recipient can have an answer here, or only where the backend gives one. */
  readonly prdr: 'own' | 'of backend'
  /** RFC 9422 RCPTMAX; absent: not announced (senders: Exim 4.98 loses recipients by it). */
  readonly limitsRcptMax?: number
}

/** How the client is connected. */
export interface ClientLink {
  /** STARTTLS can be said. */
  readonly startTls: boolean
  /** TLS leads to the client itself. */
  readonly secured: boolean
}

/** Extensions that need the backend's consent, since it has to keep their promise. */
const passedThrough = ['8BITMIME', 'DSN', 'SMTPUTF8', 'DELIVERBY', 'MT-PRIORITY'] as const

/**
 * Everything offered to a client: its own abilities, and the backend's where a proxy can pass them
 * through.
 */
export function offeredExtensions(
  own: OwnExtensions,
  backend: Extensions,
  { startTls, secured }: ClientLink,
): Extensions {
  const offer = new Map<string, string>([['PIPELINING', '']])
  const theirs = Number(backend.get('SIZE') ?? '')
  const size = theirs > 0 ? Math.min(theirs, own.messageSizeBytes) : own.messageSizeBytes
  offer.set('SIZE', String(size))
  if (startTls) offer.set('STARTTLS', '')
  offer.set('ENHANCEDSTATUSCODES', '')
  for (const keyword of passedThrough) {
    const parameters = backend.get(keyword)
    if (parameters !== undefined) offer.set(keyword, parameters)
  }
  if (own.chunking) offer.set('CHUNKING', '')
  // RFC 3030 3: a binary text comes by BDAT, and goes on so.
  if (own.chunking && backend.has('CHUNKING') && backend.has('BINARYMIME'))
    offer.set('BINARYMIME', '')
  // RFC 8689 2: over TLS alone
  if (secured && backend.has('REQUIRETLS')) offer.set('REQUIRETLS', '')
  if (own.limitsRcptMax !== undefined) offer.set('LIMITS', `RCPTMAX=${own.limitsRcptMax}`)
  if (own.greylist) offer.set('GREYLIST', '')
  if (own.prdr === 'own' || backend.has('PRDR')) offer.set('PRDR', '')
  return offer
}

/**
 * Mechanisms that say something of the connection, which is not the one that the backend sees (RFC
 * 5802 6, RFC 4422 A).
 */
const boundToConnection = /^(?:EXTERNAL|.*-PLUS)$/i

/** The backend's mechanisms of AUTH that can be passed through; empty for none. */
export const passedMechanisms = (backend: Extensions): string =>
  (backend.get('AUTH') ?? '')
    .toUpperCase()
    .split(' ')
    .filter((mechanism) => mechanism !== '' && !boundToConnection.test(mechanism))
    .join(' ')

/** What is offered, and the lines of the EHLO reply that say so. */
export interface Offer {
  readonly extensions: Extensions
  readonly lines: readonly string[]
}

/** A site makes a handful: with and without TLS, for each of what its backends offer. */
const mostKept = 64
const kept = new Map<string, Offer>()

/** Equal offers are one object, which all sessions hold that were offered the same. */
export function offerOf(extensions: Extensions): Offer {
  const lines = [...extensions].map(([keyword, parameters]) =>
    parameters === '' ? keyword : `${keyword} ${parameters}`,
  )
  const key = lines.join('\n')
  const known = kept.get(key)
  if (known !== undefined) return known
  if (kept.size >= mostKept) kept.clear()
  const offer = { extensions, lines }
  kept.set(key, offer)
  return offer
}
