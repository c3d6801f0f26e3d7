/** The policy of two sources, where the first has left some of its values open. Pure. */
import type { Policy, Thresholds } from '../verdict/policy.ts'
import type { FoundPolicy, PolicyColumn } from './policy-source.ts'
import { scorerNames, thresholds, withoutRefusals } from './policy-values.ts'

type Ask = (column: PolicyColumn) => Policy

/** What the first of two sources left open is as the second one has it. */
export function filledFrom(first: FoundPolicy, second: FoundPolicy): FoundPolicy {
  const open: ReadonlySet<string> = new Set(first.open)
  const valuesOf = (policy: Policy, areOpen: boolean): [string, unknown][] =>
    Object.entries(policy).filter(([key]) => key !== 'scorers' && open.has(key) === areOpen)
  const scorers = scorersBy((column) => (open.has(column) ? second.policy : first.policy))
  const policy = Object.fromEntries([
    ...valuesOf(first.policy, false),
    ...valuesOf(second.policy, true),
    ...(Object.keys(scorers).length > 0 ? [['scorers', scorers]] : []),
  ]) as unknown as Policy
  const whole = policy.neverReject === true ? withoutRefusals(policy) : policy
  const still = (first.open ?? []).filter((column) => second.open?.includes(column))
  return { kind: 'found', policy: whole, ...(still.length > 0 && { open: still }) }
}

/** A judge whom a policy says something of is there, even where all of that is `never`. */
const scorersBy = (ask: Ask): NonNullable<Policy['scorers']> =>
  Object.fromEntries(
    scorerNames.flatMap((judge) => {
      const asked = thresholds.map(
        ([, field]) => [field, ask(`${judge}.${field}`).scorers?.[judge]] as const,
      )
      if (asked.every(([, of]) => of === undefined)) return []
      const own: Thresholds = Object.fromEntries(
        asked.flatMap(([field, of]) => (of?.[field] === undefined ? [] : [[field, of[field]]])),
      )
      return [[judge, own]]
    }),
  )
