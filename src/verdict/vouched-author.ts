/** Whose address in the From field may be believed. Pure. */
import { canonicalDomain, canonicalDomainOf } from '../smtp/domain.ts'
import { readable } from '../smtp/octets.ts'
import { type Findings, symbolsOf } from './judgement.ts'
import { vouchedBySymbols } from './vouched-symbols.ts'

/**
 * The author's address, where SPF or DKIM vouches for its domain, as a judge says that has looked;
 * written as that of a reverse-path is. What is in front of the @ nobody can vouch for but the
 * domain itself. `sender`: address of the reverse-path.
 */
export function vouchedAuthor(findings: Findings, sender: string): string | undefined {
  const { author } = findings
  const by = author === undefined ? undefined : vouchedBySymbols(symbolsOf(findings) ?? [])
  if (author === undefined || by === undefined) return undefined
  const domain = canonicalDomainOf(author.domain)
  if (domain === undefined) return undefined
  // The reverse-path's domain vouches for mail that it sends, so for an author of its own.
  const isSame = canonicalDomain(sender.slice(sender.lastIndexOf('@') + 1)) === domain
  return by === 'author' || isSame ? `${readable(author.local)}@${domain}` : undefined
}
