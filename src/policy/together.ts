/**
 * The policy of an address behind which there are several mailboxes: from all of theirs, value by
 * value. The mildest does nothing to a message that one of the policies would not do; the strictest
 * does all that one of them would. Pure.
 */
import { known } from '../known.ts'
import type { Policy, Thresholds } from '../verdict/policy.ts'
import { thresholds, withoutRefusals } from './policy-values.ts'

export type Several = 'mildest' | 'strictest'

type Strings = ReadonlySet<string>
type SetField = 'rejectSymbols' | 'tagSymbols' | 'acceptSymbols' | 'acceptSenders' | 'refuseSenders'

/** How the values of several policies become one. */
interface Choice {
  readonly name: Several
  /** Of thresholds and sizes; infinite where there is none. */
  readonly number: (...values: readonly number[]) => number
  /** Of lists, and of wishes: whether all have to have what helps mail in, or what keeps it out. */
  readonly helps: 'all' | 'any'
  readonly hinders: 'all' | 'any'
}

const choices: Readonly<Record<Several, Choice>> = {
  mildest: { name: 'mildest', number: Math.max, helps: 'any', hinders: 'all' },
  strictest: { name: 'strictest', number: Math.min, helps: 'all', hinders: 'any' },
}

/** At least one. A policy that all of them have stays as it is, with its name. */
export function together(policies: readonly [Policy, ...Policy[]], several: Several): Policy {
  const [first, ...others] = new Set(policies)
  if (first === undefined || others.length === 0) return policies[0]
  return combined([first, ...others], choices[several])
}

function combined(policies: readonly Policy[], choice: Choice): Policy {
  const { helps, hinders, number, name } = choice
  const does = (rule: 'all' | 'any', wish: (policy: Policy) => boolean): boolean =>
    rule === 'all' ? policies.every(wish) : policies.some(wish)
  const neverReject = does(helps, (policy) => policy.neverReject === true)
  const noGreylisting = does(helps, (policy) => policy.noGreylisting === true)
  const scorers = scorersOf(policies, choice)
  const maxSizeBytes = finite(number(...policies.map((policy) => policy.maxSizeBytes ?? Infinity)))
  const rejectText = commonText(policies)
  const policy: Policy = {
    name,
    ...thresholdsOf(policies, choice),
    neverDefer: does(helps, (one) => one.neverDefer),
    ...(scorers.length > 0 && { scorers: Object.fromEntries(scorers) }),
    ...(neverReject && { neverReject }),
    ...(noGreylisting && { noGreylisting }),
    ...symbolsOf(policies, choice),
    ...listed('acceptSenders', joined(setsOf(policies, 'acceptSenders'), helps)),
    ...listed('refuseSenders', joined(setsOf(policies, 'refuseSenders'), hinders)),
    ...(does(hinders, (one) => one.knownSendersOnly === true) && { knownSendersOnly: true }),
    ...known({ maxSizeBytes, rejectText }),
    // Who shares a transaction with nobody does so for the sake of all.
    ...(policies.some(({ group }) => group === 'own') && { group: 'own' }),
  }
  return neverReject ? withoutRefusals(policy) : policy
}

const finite = (value: number): number | undefined => (Number.isFinite(value) ? value : undefined)

function thresholdsOf(all: readonly Thresholds[], { number }: Choice): Thresholds {
  return known(
    Object.fromEntries(
      thresholds.map(([, field]) => [
        field,
        finite(number(...all.map((one) => one[field] ?? Infinity))),
      ]),
    ),
  )
}

/** Who says nothing of a judge's scores is taken to have no thresholds for them. */
function scorersOf(policies: readonly Policy[], choice: Choice): [string, Thresholds][] {
  const judges = new Set(policies.flatMap(({ scorers = {} }) => Object.keys(scorers)))
  return Array.from(judges, (judge) => [
    judge,
    thresholdsOf(
      policies.map(({ scorers }) => scorers?.[judge] ?? {}),
      choice,
    ),
  ])
}

/**
 * A symbol that some refuse and the others mark is marked, in the mildest; no symbol is in two
 * lists.
 */
function symbolsOf(
  policies: readonly Policy[],
  { helps, hinders }: Choice,
): Pick<Policy, SetField> {
  const refused = setsOf(policies, 'rejectSymbols')
  const marked = setsOf(policies, 'tagSymbols')
  const reject = joined(refused, hinders)
  const touched = joined(
    refused.map((each, i) => each.union(marked[i] ?? new Set())),
    hinders,
  )
  return {
    ...listed('rejectSymbols', reject),
    ...listed('tagSymbols', touched.difference(reject)),
    ...listed('acceptSymbols', joined(setsOf(policies, 'acceptSymbols'), helps)),
  }
}

const setsOf = (policies: readonly Policy[], field: SetField): readonly Strings[] =>
  policies.map((policy) => policy[field] ?? new Set())

function joined([first = new Set(), ...others]: readonly Strings[], rule: 'all' | 'any'): Strings {
  return others.reduce(
    (so, each) => (rule === 'all' ? so.intersection(each) : so.union(each)),
    first,
  )
}

const listed = (field: SetField, list: Strings): Pick<Policy, SetField> =>
  list.size > 0 ? { [field]: list } : {}

/** Words about how to reach one of them are not said of another. */
function commonText([first, ...others]: readonly Policy[]): string | undefined {
  const text = first?.rejectText
  return others.every(({ rejectText }) => rejectText === text) ? text : undefined
}
