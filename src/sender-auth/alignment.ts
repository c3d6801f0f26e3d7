/**
 * Do two names belong to one organisation? (RFC 9989, DMARC: relaxed alignment, with the Public
 * Suffix List.)
 */
import { canonicalDomain } from '../smtp/domain.ts'
import { getDomain } from 'tldts'

/** Under a private suffix such as `github.io` each name is an organisation of its own. */
const options = { allowPrivateDomains: true, validateHostname: false }

const normal = (name: string): string => canonicalDomain(name) ?? ''

/**
 * The registered domain that `name` is in, or `name` itself where there is none above it. In lower
 * case and A-labels.
 */
export function organisationOf(name: string): string {
  const ascii = normal(name)
  return getDomain(ascii, options) ?? ascii
}

/** False for what is no name. */
export function aligned(one: string, other: string): boolean {
  const organisation = organisationOf(one)
  return organisation !== '' && organisation.includes('.') && organisation === organisationOf(other)
}
