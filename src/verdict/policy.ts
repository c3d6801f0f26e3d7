/**
 * What a recipient wants done with suspicious mail. A message that reaches several thresholds gets
 * the strictest. A threshold that is absent is never reached.
 */

/** Scores of one scorer. */
export interface Thresholds {
  readonly tagAt?: number
  readonly quarantineAt?: number
  readonly deferAt?: number
  readonly rejectAt?: number
}

/** Its own thresholds are about the score of the first scorer in the configuration. */
export interface Policy extends Thresholds {
  /** Its name in the configuration, for the log; two names that say the same are one group. */
  readonly name: string
  /** "No delay, please": goes through before every other group (design: Strategies). */
  readonly neverDefer: boolean
  /** About the scores of a judge with this name, in place of its own. */
  readonly scorers?: Readonly<Record<string, Thresholds>>
  /** What a judge refuses or throws away is marked or set aside. */
  readonly neverReject?: true
  /** A judge that wants everyone to come again does not make this recipient wait. */
  readonly noGreylisting?: true
}

const keys = new WeakMap<Policy, string>()

/** Recipients with equal keys can share an answer. */
export function groupKey(policy: Policy): string {
  let key = keys.get(policy)
  if (key === undefined) {
    const { scorers = {}, neverReject = false, noGreylisting = false } = policy
    const others = Object.keys(scorers)
      .toSorted()
      .map((name) => [name, thresholdsOf(scorers[name] ?? {})])
    key = JSON.stringify([thresholdsOf(policy), others, neverReject, noGreylisting])
    keys.set(policy, key)
  }
  return key
}

const thresholdsOf = ({ tagAt, quarantineAt, deferAt, rejectAt }: Thresholds): unknown[] =>
  [tagAt, quarantineAt, deferAt, rejectAt].map((at) => at ?? '-')
