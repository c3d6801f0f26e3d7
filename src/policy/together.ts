/**
 * The policy of an address behind which there are several mailboxes. Each of theirs says alone what
 * it would do with a message, and the mildest or the strictest of that counts: an exception of one
 * policy (a list of senders, a symbol) stays with the thresholds that it is an exception of. Only
 * what is no answer to a message is put together here. Pure.
 */
import { known } from '../known.ts'
import type { Policy, SeveralPolicies } from '../verdict/policy.ts'

export type Several = SeveralPolicies['which']

/** At least one. A policy that all of them have stays as it is, with its name. */
export function together(policies: readonly [Policy, ...Policy[]], several: Several): Policy {
  const [first, ...others] = new Set(policies)
  if (first === undefined || others.length === 0) return policies[0]
  return combined([first, ...others], several)
}

function combined(of: readonly Policy[], which: Several): Policy {
  const says = (wish: (policy: Policy) => boolean): boolean =>
    which === 'mildest' ? of.some(wish) : of.every(wish)
  const furthest = which === 'mildest' ? Math.max : Math.min
  const maxSizeBytes = furthest(...of.map((policy) => policy.maxSizeBytes ?? Infinity))
  return {
    name: which,
    several: { which, of },
    neverDefer: says(({ neverDefer }) => neverDefer),
    // Which judges are asked about the recipient: what they force each policy takes in its own way.
    ...(says(({ neverReject }) => neverReject === true) && { neverReject: true }),
    ...(says(({ noGreylisting }) => noGreylisting === true) && { noGreylisting: true }),
    ...(Number.isFinite(maxSizeBytes) && { maxSizeBytes }),
    ...known({ rejectText: commonText(of) }),
    // Who shares a transaction with nobody does so for the sake of all.
    ...(of.some(({ group }) => group === 'own') && { group: 'own' }),
  }
}

/** Words about how to reach one of them are not said of another. */
function commonText([first, ...others]: readonly Policy[]): string | undefined {
  const text = first?.rejectText
  return others.every(({ rejectText }) => rejectText === text) ? text : undefined
}
