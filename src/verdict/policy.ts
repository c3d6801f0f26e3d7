/**
 * What a recipient wants done with suspicious mail. Thresholds are scores of the judge; a message
 * that reaches several gets the strictest. A threshold that is absent is never reached.
 */
export interface Policy {
  /** Its name in the configuration, for the log; two names with equal thresholds are one group. */
  readonly name: string
  readonly tagAt?: number
  readonly quarantineAt?: number
  readonly rejectAt?: number
  /** "No delay, please": goes through before every other group (design: Strategies). */
  readonly neverDefer: boolean
}

const keys = new WeakMap<Policy, string>()

/** Recipients with equal keys can share an answer. */
export function groupKey(policy: Policy): string {
  let key = keys.get(policy)
  if (key === undefined) {
    key = `tag ${policy.tagAt ?? '-'} quarantine ${policy.quarantineAt ?? '-'} reject ${policy.rejectAt ?? '-'}`
    keys.set(policy, key)
  }
  return key
}
