/** Which domains a recipient may have: rule 8 (design: What always holds). Pure. */

/**
 * Rule 8: no open relay. `relayDomains` absent means that no backend could relay. Patterns are
 * exact names or `*.example.org`; a recipient without a domain is only `postmaster` (RFC 5321
 * 4.5.1).
 */
export function mayRelay(domain: string, relayDomains: readonly string[] | undefined): boolean {
  if (relayDomains === undefined || domain === '') return true
  return relayDomains.some((pattern) => matchesDomain(domain, pattern))
}

/** `*.example.org` fits every name below example.org, `example.org` only itself. */
export function matchesDomain(domain: string, pattern: string): boolean {
  return pattern.startsWith('*.')
    ? domain.length > pattern.length - 1 && domain.endsWith(pattern.slice(1))
    : domain === pattern
}
