/**
 * One spelling of a domain (decision 23): in lower case, in A-labels (RFC 5890 2.3.2.1), without a
 * final dot. Names that DNS does not tell apart are equal here, whichever way a client, a server or
 * a configuration writes them.
 */
import { domainToASCII } from 'node:url'
import { textOf } from './octets.ts'

const hostCharacters = /^[a-z0-9_.-]+$/i
/**
 * ASCII that stands in no name: domainToASCII would take `/` for the end of it, and read `%41` as a
 * letter.
 */
const foreign = /[\x00-\x2c\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]/
const aLabel = /xn--/i
const wellFormed = /^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/i

/**
 * The canonical spelling of `name`, which is Unicode text; undefined when it is no name of a host.
 * A name of a host is not looked up here, and its labels may be longer than DNS allows.
 */
export function canonicalDomain(name: string): string | undefined {
  const whole = name.endsWith('.') ? name.slice(0, -1) : name
  const hasALabel = aLabel.test(whole)
  if (!hasALabel && wellFormed.test(whole)) return whole.toLowerCase()
  if (!hasALabel && hostCharacters.test(whole)) return undefined
  if (foreign.test(whole)) return undefined
  const ascii = toAscii(whole)
  return wellFormed.test(ascii) ? ascii : undefined
}

/**
 * UTS 46, as in a URL. The label behind keeps numbers from being read as an address: `１.２` is not
 * 1.0.0.2 here.
 */
const behind = '.x'

function toAscii(name: string): string {
  const ascii = domainToASCII(name + behind)
  // A label that only looks like an A-label is a name of its own.
  if (ascii === '') return hostCharacters.test(name) ? name.toLowerCase() : ''
  return ascii.slice(0, -behind.length).replace(/\.$/, '')
}

/** The same for a name as it came from the wire. */
export function canonicalDomainOf(octets: string): string | undefined {
  const text = textOf(octets)
  return text === undefined ? undefined : canonicalDomain(text)
}

/** `*.` and a domain, or a domain; undefined when it is neither. */
export function canonicalPattern(pattern: string): string | undefined {
  const below = pattern.startsWith('*.')
  const domain = canonicalDomain(below ? pattern.slice(2) : pattern)
  return domain === undefined || !below ? domain : `*.${domain}`
}
