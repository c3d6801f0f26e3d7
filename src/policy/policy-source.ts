import type { Policy } from '../verdict/policy.ts'

/**
 * A source's answer for one recipient. `failed` is the source's own trouble; what follows from it
 * is the configuration's choice.
 */
export type PolicyAnswer =
  | { readonly kind: 'found'; readonly policy: Policy }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'failed'; readonly why: string }

/**
 * Where recipients' policies come from: a file, later a database or a directory.
 *
 * `policyFor` never throws and never rejects; an answer that is at hand is given at once, without a
 * promise, because this is asked for each RCPT. `recipient` is the address as `canonicalAddress`
 * (smtp/path.ts) makes it: domain in lower case A-labels or U-labels as given, local part as given.
 *
 * `signal` is aborted once nobody waits for the answer any more (`timeouts.policy`, a client that
 * has gone): a source ends its question then. What it still answers is not read.
 */
export interface PolicySource {
  policyFor(recipient: string, signal: AbortSignal): PolicyAnswer | Promise<PolicyAnswer>
  /** Ends watches and connections. */
  close(): Promise<void>
}
