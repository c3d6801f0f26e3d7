/** Why a message is let through unsplit: rules 5 and 7 (design: What always holds). Pure. */
import type { PeerClass } from '../strategy/peer-class.ts'
import type { Split } from './split.ts'

export type UnsplitReason = 'forgiven' | 'trusted' | 'too many retries' | 'crowded' | 'draining'

/**
 * Rules 5 and 7: why this message is let through unsplit, if it is. Some senders drop the whole
 * message at the first 4yz at RCPT and would never get it through (senders: nullmailer, msmtp,
 * curl).
 */
export function whyUnsplit(
  split: Split | undefined,
  peer: PeerClass,
  trusted: boolean,
): UnsplitReason | undefined {
  if (trusted) return 'trusted'
  if (split === undefined) return undefined
  if (split.forgiven || split.idleAttempts >= peer.forgiveAfter) return 'forgiven'
  return split.forcedRetries >= peer.maxForcedRetries ? 'too many retries' : undefined
}
