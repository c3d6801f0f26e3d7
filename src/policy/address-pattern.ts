/** Which recipients an entry of a policy file is for: an address, an address with any detail, or a domain. Pure. */
import { domainToASCII, domainToUnicode } from 'node:url'

export type AddressPattern =
  /** The keys under which a recipient finds the entry: several when a domain can be written in several ways. */
  { readonly ok: true; readonly keys: readonly string[] } | { readonly ok: false; readonly why: string }

const expected = 'expected user@example.org, user+*@example.org or @example.org'

/**
 * Reads `user@domain`, `user+*@domain`, `@domain` or `postmaster` (which has no domain in RFC 5321 4.1.1.3). Domains come
 * out in lower case, local parts as they are written.
 */
export function parseAddressPattern(text: string): AddressPattern {
  if (text.toLowerCase() === 'postmaster') return { ok: true, keys: [text] }
  const at = text.lastIndexOf('@')
  if (at < 0) return { ok: false, why: `${text} has no "@", ${expected}` }
  const local = text.slice(0, at)
  const domain = text.slice(at + 1).toLowerCase()
  if (domain === '' || /[\s*@"]/.test(domain)) return { ok: false, why: `${text} has no valid domain, ${expected}` }
  if (local.includes('*') && !/^[^+*]+\+\*$/.test(local)) {
    const hint = local === '*' ? `; for the whole domain write @${domain}` : ''
    return { ok: false, why: `${text}: "*" can only stand for all that follows the first "+", ${expected}${hint}` }
  }
  return { ok: true, keys: spellings(domain).map((spelling) => `${local}@${spelling}`) }
}

/** A domain as given, with A-labels and with U-labels (RFC 5890 2.3.2.1): clients may send either. */
function spellings(domain: string): readonly string[] {
  if (!domain.includes('xn--') && !/[^\p{ASCII}]/u.test(domain)) return [domain]
  return [...new Set([domain, domainToASCII(domain), domainToUnicode(domain)])].filter((spelling) => spelling !== '')
}
