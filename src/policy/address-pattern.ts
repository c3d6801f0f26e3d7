/**
 * Which recipients an entry of a policy file is for: an address, an address with any detail, or a
 * domain. Pure.
 */
import { canonicalDomain } from '../smtp/domain.ts'

/** `detailed`: `user+*@example.org`, whose key is the address without the detail. */
export type AddressPattern =
  | { readonly ok: true; readonly of: 'address' | 'detailed' | 'domain'; readonly key: string }
  | { readonly ok: false; readonly why: string }

const expected = 'expected user@example.org, user+*@example.org or @example.org'
const anyDetail = '+*'

/**
 * Reads `user@domain`, `user+*@domain`, `@domain` or `postmaster` (which has no domain in RFC 5321
 * 4.1.1.3). The key is that of look-up-keys.ts: domains come out in their canonical spelling, local
 * parts as they are written.
 */
export function parseAddressPattern(text: string): AddressPattern {
  if (text.toLowerCase() === 'postmaster') return { ok: true, of: 'address', key: text }
  const at = text.lastIndexOf('@')
  if (at < 0) return { ok: false, why: `${text} has no "@", ${expected}` }
  const local = text.slice(0, at)
  const domain = canonicalOrLower(text.slice(at + 1))
  if (domain === '' || /[\s*@"]/.test(domain))
    return { ok: false, why: `${text} has no valid domain, ${expected}` }
  if (!local.includes('*'))
    return { ok: true, of: local === '' ? 'domain' : 'address', key: `${local}@${domain}` }
  if (/^[^+*]+\+\*$/.test(local))
    return { ok: true, of: 'detailed', key: `${local.slice(0, -anyDetail.length)}@${domain}` }
  const hint = local === '*' ? `; for the whole domain write @${domain}` : ''
  return {
    ok: false,
    why: `${text}: "*" can only stand for all that follows the first "+", ${expected}${hint}`,
  }
}

/** What is no domain, such as an address literal, is told apart by all but its case. */
export const canonicalOrLower = (domain: string): string =>
  canonicalDomain(domain) ?? domain.toLowerCase()
