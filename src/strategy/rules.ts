/** The rules that decide whether a message may be split at all, as named predicates (design: What always holds). */
import type { Split } from '../ledger/split.ts'
import type { PeerClass } from './peer-class.ts'

export type UnsplitReason = 'forgiven' | 'trusted' | 'too many retries' | 'crowded'

/**
 * Rules 5 and 7: why this message is let through unsplit, if it is. Some senders drop the whole message at the first 4yz at
 * RCPT and would never get it through (senders: nullmailer, msmtp, curl).
 */
export function whyUnsplit(split: Split | undefined, peer: PeerClass, trusted: boolean): UnsplitReason | undefined {
  if (trusted) return 'trusted'
  if (split === undefined) return undefined
  if (split.forgiven || split.idleAttempts >= peer.forgiveAfter) return 'forgiven'
  return split.forcedRetries >= peer.maxForcedRetries ? 'too many retries' : undefined
}

/**
 * Rule 8: no open relay. `relayDomains` absent means that no backend could relay. Patterns are exact names or `*.example.org`;
 * a recipient without a domain is only `postmaster` (RFC 5321 4.5.1).
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
