/**
 * Under which keys a recipient is looked up, the special one before the general one: every source
 * has the same order. Pure.
 */
import { canonicalOrLower } from './address-pattern.ts'

export interface LookUpKeys {
  /** The address: the local part as the client wrote it, the domain in its canonical spelling. */
  readonly address: string
  /** `user@example.org` for `user+detail@example.org`. */
  readonly withoutDetail?: string
  /** `@example.org`; `postmaster` has none (RFC 5321 4.1.1.3). */
  readonly domain?: string
}

/** A detail begins behind the first `+` that does not begin the local part. */
export function lookUpKeys(recipient: string): LookUpKeys {
  const at = recipient.lastIndexOf('@')
  if (at < 0) return { address: recipient }
  const domain = `@${canonicalOrLower(recipient.slice(at + 1))}`
  const local = recipient.slice(0, at)
  const plus = local.indexOf('+')
  const address = local + domain
  return plus <= 0
    ? { address, domain }
    : { address, withoutDetail: local.slice(0, plus) + domain, domain }
}
