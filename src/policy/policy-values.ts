/**
 * From what is said of a policy to the policy itself: the one place for the configuration, for a
 * row of a database and for an answer in JSON. Pure.
 */
import type { Policy } from '../verdict/policy.ts'
import type { PolicyValues } from './policy-source.ts'

export interface PolicyMistake {
  /** As in `policies.NAME` of the configuration. */
  readonly key: string
  readonly why: string
}

export type Made<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly mistakes: readonly PolicyMistake[] }

export interface PolicyBasis {
  readonly name: string
  /** What nothing is said of is as here. */
  readonly others: Omit<Policy, 'name'>
}

/** Says nothing of anything. */
export const plainPolicy: Omit<Policy, 'name'> = { neverDefer: false }

/** From the lowest: each has to be at least what stands before it, else it could not be reached. */
const thresholds = [
  ['tag_at', 'tagAt'],
  ['quarantine_at', 'quarantineAt'],
  ['reject_at', 'rejectAt'],
] as const

/** Only what is said together can contradict itself; what is taken from `others` gives way. */
export function policyOf(values: PolicyValues, { name, others }: PolicyBasis): Made<Policy> {
  const mistakes = [...noNumbers(values), ...outOfOrder(values)]
  if (mistakes.length > 0) return { ok: false, mistakes }
  const policy: { -readonly [Key in keyof Policy]: Policy[Key] } = {
    name,
    neverDefer: values.neverDefer ?? others.neverDefer,
  }
  for (const [, field] of thresholds) {
    const value = values[field] ?? others[field] ?? 'never'
    if (value !== 'never') policy[field] = value
  }
  return { ok: true, value: policy }
}

/** A database may have NaN or Infinity, and a score compares with neither. */
function noNumbers(values: PolicyValues): readonly PolicyMistake[] {
  return thresholds.flatMap(([key, field]): PolicyMistake[] => {
    const value = values[field]
    return typeof value === 'number' && !Number.isFinite(value)
      ? [{ key, why: `got ${value}, expected a number or never` }]
      : []
  })
}

function outOfOrder(values: PolicyValues): readonly PolicyMistake[] {
  const mistakes: PolicyMistake[] = []
  let lower: { readonly key: string; readonly value: number } | undefined
  for (const [key, field] of thresholds) {
    const value = values[field]
    if (value === undefined || value === 'never') continue
    if (lower !== undefined && value < lower.value)
      mistakes.push({
        key,
        why: `got ${value}, expected at least ${lower.key}, which is ${lower.value}`,
      })
    lower = { key, value }
  }
  return mistakes
}
