import { describe, expect, test } from 'vitest'
import type { Fact } from '../../src/facts/fact.ts'
import type { PolicyValues, RawPolicy } from '../../src/policy/policy-source.ts'
import { resolved } from '../../src/policy/resolved.ts'
import type { Policy } from '../../src/verdict/policy.ts'
import { named, type Pace, type Scripted, ScriptedSource } from '../support/scripted-source.ts'
import { breakable } from './breakable.ts'
import { policies, resolving } from './policies.ts'
import { describePolicySource } from './source.contract.ts'

const listening = new AbortController().signal
const careful = resolving.defaultPolicy

const answerOf = async (answer: Scripted, pace: Pace = 'at once') =>
  (
    await resolved(new ScriptedSource({ a: answer }, pace, 'sql'), resolving).policiesFor(
      ['a'],
      listening,
    )
  )[0]

/** The same source is asked twice, as a cache in front of a database would be. */
async function told(answer: Scripted) {
  const facts: Fact[] = []
  const source = resolved(new ScriptedSource({ a: answer }, 'at once', 'sql'), {
    ...resolving,
    onFact: (fact) => facts.push(fact),
  })
  const [first] = await source.policiesFor(['a'], listening)
  const [second] = await source.policiesFor(['a'], listening)
  expect(second).toEqual(first)
  return { answer: first, facts }
}

describe.each<Pace>(['at once', 'later'])('over a source that answers %s', (pace) => {
  test('a name is the policy that the configuration has', async () =>
    expect(await answerOf(named('strict'), pace)).toEqual({
      kind: 'found',
      policy: policies.get('strict'),
    }))

  test.each<Scripted>([{ kind: 'unknown' }, { kind: 'failed', source: 'sql', why: 'away' }])(
    '$kind stays so',
    async (answer) => expect(await answerOf(answer, pace)).toEqual(answer),
  )
})

/** The default is { tagAt: 6, rejectAt: 15, neverDefer: false }. */
test.each<[string, Omit<PolicyValues, 'kind'>, Omit<Policy, 'name'>]>([
  ['nothing said', {}, { tagAt: 6, rejectAt: 15, neverDefer: false }],
  ['one threshold', { tagAt: 3 }, { tagAt: 3, rejectAt: 15, neverDefer: false }],
  [
    'all of it',
    { tagAt: 1, quarantineAt: 2, rejectAt: 3, neverDefer: true },
    { tagAt: 1, quarantineAt: 2, rejectAt: 3, neverDefer: true },
  ],
  ['never', { rejectAt: 'never' }, { tagAt: 6, neverDefer: false }],
  ['zero is a threshold', { tagAt: 0 }, { tagAt: 0, rejectAt: 15, neverDefer: false }],
])('values: %s', async (_, values, policy) => {
  expect(await answerOf({ kind: 'values', ...values })).toEqual({
    kind: 'found',
    policy: { name: 'sql', ...policy },
  })
})

test.each<[string, RawPolicy, string]>([
  [
    'a name that the configuration does not have',
    named('stirct'),
    'there is no policy "stirct", expected one of strict, careful, tag-only',
  ],
  ['what the source could not read', { kind: 'wrong', why: 'tag_at is "x"' }, 'tag_at is "x"'],
  ...[NaN, Infinity, -Infinity].map((value): [string, RawPolicy, string] => [
    `a threshold of ${value}`,
    { kind: 'values', rejectAt: value },
    `reject_at: got ${value}, expected a number or never`,
  ]),
])('%s is told once, and the recipient has the default policy', async (_, raw, why) =>
  expect(await told(raw)).toEqual({
    answer: { kind: 'found', policy: careful },
    facts: [{ kind: 'policyWrong', at: 1000, source: 'sql', recipient: 'a', why }],
  }),
)

test('values stand over what is behind them', async () =>
  expect(await answerOf({ kind: 'values', neverDefer: true, behind: named('tag-only') })).toEqual({
    kind: 'found',
    policy: { name: 'sql', tagAt: 6, neverDefer: true },
  }))

test('behind values it is the default policy that stands in for what is none', async () => {
  const { answer, facts } = await told({ kind: 'values', tagAt: 1, behind: named('stirct') })
  expect(answer).toEqual({
    kind: 'found',
    policy: { name: 'sql', tagAt: 1, rejectAt: 15, neverDefer: false },
  })
  expect(facts).toHaveLength(1)
})

test('what is behind them gives way where both together contradict each other', async () =>
  expect(
    await answerOf({ kind: 'values', rejectAt: 4, behind: { kind: 'values', tagAt: 7 } }),
  ).toEqual({
    kind: 'found',
    policy: { name: 'sql', tagAt: 7, rejectAt: 4, neverDefer: false },
  }))

test('what is left open is told to those behind', async () =>
  expect(await answerOf({ kind: 'values', tagAt: 1, open: ['rejectAt'] })).toEqual({
    kind: 'found',
    policy: { name: 'sql', tagAt: 1, rejectAt: 15, neverDefer: false },
    open: ['rejectAt'],
  }))

test('a failure has what follows from it, where the source has a choice of its own', async () => {
  const failed: Scripted = { kind: 'failed', source: 'sql', why: 'away' }
  const source = resolved(new ScriptedSource({ a: failed }), { ...resolving, onFailure: 'default' })
  expect(await source.policiesFor(['a'], listening)).toEqual([{ ...failed, onFailure: 'default' }])
})

describePolicySource('a resolved source', {
  open: (entries) => breakable(entries, 'later', (one) => resolved(one, resolving)),
  nameOf: ({ policy }) => policy.name,
})
