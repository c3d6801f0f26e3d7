/**
 * From what is said of a policy to the policy itself: the one place for the configuration, for a
 * row of a database and for an answer in JSON. Pure.
 */
import { known } from '../known.ts'
import type { Policy, Thresholds } from '../verdict/policy.ts'
import type { PolicyValues, SaidThresholds, ScorerName } from './policy-source.ts'

export interface PolicyMistake {
  /** As in `policies.NAME` of the configuration; `spamd.tag_at` for one within another. */
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

export const scorerNames: readonly ScorerName[] = ['rspamd', 'spamd', 'headers']

/** From the lowest: each has to be at least what stands before it, else it could not be reached. */
export const thresholds = [
  ['tag_at', 'tagAt'],
  ['quarantine_at', 'quarantineAt'],
  ['defer_at', 'deferAt'],
  ['reject_at', 'rejectAt'],
] as const

/** Only what is said together can contradict itself; what is taken from `others` gives way. */
export function policyOf(values: PolicyValues, { name, others }: PolicyBasis): Made<Policy> {
  const all = [
    { prefix: '', said: values },
    ...scorerNames.map((judge) => ({ prefix: `${judge}.`, said: values.scorers?.[judge] ?? {} })),
  ]
  const mistakes = [
    ...all.flatMap(({ prefix, said }) => wrongThresholds(prefix, said)),
    ...refusalsOfNever(values, all),
    ...inBothLists(values),
  ]
  if (mistakes.length > 0) return { ok: false, mistakes }
  return { ok: true, value: { name, ...merged(values, refusesAny(values, all), others) } }
}

interface Placed {
  readonly prefix: string
  readonly said: SaidThresholds
}

function merged(
  values: PolicyValues,
  refuses: boolean,
  others: Omit<Policy, 'name'>,
): Omit<Policy, 'name'> {
  const neverReject = values.neverReject ?? (!refuses && others.neverReject === true)
  const noGreylisting = values.noGreylisting ?? others.noGreylisting === true
  const knownSendersOnly = values.knownSendersOnly ?? others.knownSendersOnly === true
  const scorers = scorersOf(values, others, neverReject)
  return {
    ...thresholdsOf(values, others, neverReject),
    neverDefer: values.neverDefer ?? others.neverDefer,
    ...(scorers.length > 0 && { scorers: Object.fromEntries(scorers) }),
    ...(neverReject && { neverReject }),
    ...(noGreylisting && { noGreylisting }),
    ...listsOf(values, others, neverReject),
    ...(knownSendersOnly && !neverReject && { knownSendersOnly }),
    ...restOf(values, others),
  }
}

/** What is accepted or refused whatever its score is. */
const lists = [
  ['reject_symbols', 'rejectSymbols', ['acceptSymbols', 'tagSymbols']],
  ['tag_symbols', 'tagSymbols', ['rejectSymbols', 'acceptSymbols']],
  ['accept_symbols', 'acceptSymbols', ['rejectSymbols', 'tagSymbols']],
  ['accept_senders', 'acceptSenders', ['refuseSenders']],
  ['refuse_senders', 'refuseSenders', ['acceptSenders']],
] as const
type ListField = (typeof lists)[number][1]

const refusingLists: ReadonlySet<ListField> = new Set(['rejectSymbols', 'refuseSenders'])

/** What is said of an entry stands over another list in which others have it. */
function listsOf(
  values: PolicyValues,
  others: Omit<Policy, 'name'>,
  neverReject: boolean,
): Pick<Policy, ListField> {
  const made: { -readonly [Field in ListField]?: ReadonlySet<string> } = {}
  for (const [, field, opposite] of lists) {
    if (neverReject && refusingLists.has(field)) continue
    const said = new Set(opposite.flatMap((other) => values[other] ?? []))
    const list = new Set(
      values[field] ?? [...(others[field] ?? [])].filter((entry) => !said.has(entry)),
    )
    if (list.size > 0) made[field] = list
  }
  return made
}

function inBothLists(values: PolicyValues): readonly PolicyMistake[] {
  return lists.flatMap(([key, field, opposite], i) => {
    const earlier = lists.slice(0, i).filter(([, other]) => opposite.some((one) => one === other))
    return earlier.flatMap(([otherKey, other]) => {
      const both = values[field]?.find((entry) => values[other]?.includes(entry))
      return both === undefined
        ? []
        : [{ key, why: `${both} stands in ${otherKey}, too; leave one of them out` }]
    })
  })
}

function restOf(
  values: PolicyValues,
  others: Omit<Policy, 'name'>,
): Pick<Policy, 'maxSizeBytes' | 'rejectText' | 'group'> {
  const maxSizeBytes = values.maxSizeBytes ?? others.maxSizeBytes ?? 'never'
  const rejectText = values.rejectText ?? others.rejectText
  const group = values.group ?? others.group ?? 'shared'
  return {
    ...(maxSizeBytes !== 'never' && { maxSizeBytes }),
    ...(rejectText !== undefined && { rejectText }),
    ...(group === 'own' && { group }),
  }
}

function scorersOf(
  { scorers: said = {} }: PolicyValues,
  { scorers: others = {} }: Omit<Policy, 'name'>,
  neverReject: boolean,
): (readonly [ScorerName, Thresholds])[] {
  return scorerNames
    .filter((judge) => said[judge] !== undefined || others[judge] !== undefined)
    .map((judge) => [judge, thresholdsOf(said[judge] ?? {}, others[judge] ?? {}, neverReject)])
}

function thresholdsOf(said: SaidThresholds, others: Thresholds, neverReject: boolean): Thresholds {
  const made: { -readonly [Key in keyof Thresholds]: Thresholds[Key] } = {}
  for (const [, field] of thresholds) {
    const value = said[field] ?? others[field] ?? 'never'
    if (value !== 'never' && !(neverReject && refusing.has(field))) made[field] = value
  }
  return made
}

/** Of two sources one may say that nothing is refused, and the other one from which score on. */
export function withoutRefusals(policy: Policy): Policy {
  const scorers = Object.entries(policy.scorers ?? {}).map(
    ([judge, own]) => [judge, thresholdsOf({}, own, true)] as const,
  )
  const { tagAt, quarantineAt, rejectAt, deferAt, ...rest } = policy
  const others = Object.fromEntries(
    Object.entries(rest).filter(
      ([field]) => field !== 'knownSendersOnly' && !refusingLists.has(field as ListField),
    ),
  ) as unknown as Policy
  const own = thresholdsOf({}, known({ tagAt, quarantineAt, rejectAt, deferAt }), true)
  return { ...others, ...own, ...(scorers.length > 0 && { scorers: Object.fromEntries(scorers) }) }
}

const refusing: ReadonlySet<keyof Thresholds> = new Set(['rejectAt', 'deferAt'])

const refusesAny = (values: PolicyValues, all: readonly Placed[]): boolean =>
  values.knownSendersOnly === true ||
  all.some(isRefusing) ||
  [...refusingLists].some((field) => (values[field]?.length ?? 0) > 0)

const isRefusing = ({ said: { rejectAt, deferAt } }: Placed): boolean =>
  typeof rejectAt === 'number' || typeof deferAt === 'number'

function refusalsOfNever(values: PolicyValues, all: readonly Placed[]): readonly PolicyMistake[] {
  if (values.neverReject !== true) return []
  const why = 'contradicts never_reject; leave one of them out'
  const refused = lists.filter(
    ([, field]) => refusingLists.has(field) && (values[field]?.length ?? 0) > 0,
  )
  return [
    ...refused.map(([key]) => ({ key, why })),
    ...(values.knownSendersOnly === true ? [{ key: 'known_senders_only', why }] : []),
    ...all.flatMap(({ prefix, said }) =>
      thresholds
        .filter(([, field]) => refusing.has(field) && typeof said[field] === 'number')
        .map(([key]) => ({ key: prefix + key, why })),
    ),
  ]
}

function wrongThresholds(prefix: string, said: SaidThresholds): readonly PolicyMistake[] {
  const mistakes: PolicyMistake[] = []
  let lower: { readonly key: string; readonly value: number } | undefined
  for (const [key, field] of thresholds) {
    const value = said[field]
    if (value === undefined || value === 'never') continue
    // A database may have NaN or Infinity, and a score compares with neither.
    const expected = Number.isFinite(value)
      ? lower !== undefined && value < lower.value
        ? `at least ${lower.key}, which is ${lower.value}`
        : undefined
      : 'a number or never'
    if (expected !== undefined)
      mistakes.push({ key: prefix + key, why: `got ${value}, expected ${expected}` })
    lower = { key, value }
  }
  return mistakes
}
