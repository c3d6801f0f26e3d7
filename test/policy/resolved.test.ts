import { describe, expect, test } from 'vitest'
import type { PolicyValues } from '../../src/policy/policy-source.ts'
import { resolved } from '../../src/policy/resolved.ts'
import type { Policy } from '../../src/verdict/policy.ts'
import { named, type Pace, type Scripted, ScriptedSource } from '../support/scripted-source.ts'
import { breakable } from './breakable.ts'
import { policies } from './policies.ts'
import { describePolicySource } from './source.contract.ts'

const listening = new AbortController().signal
const careful = policies.get('careful') ?? { name: 'careful', neverDefer: false }
const configured = { policies, defaultPolicy: careful }

const answerOf = async (answer: Scripted, pace: Pace = 'at once') =>
  (
    await resolved(new ScriptedSource({ a: answer }, pace, 'sql'), configured).policiesFor(
      ['a'],
      listening,
    )
  )[0]

describe.each<Pace>(['at once', 'later'])('over a source that answers %s', (pace) => {
  test('a name is the policy that the configuration has', async () =>
    expect(await answerOf(named('strict'), pace)).toEqual({
      kind: 'found',
      policy: policies.get('strict'),
    }))

  test('a name that the configuration does not have is a failure of that source', async () =>
    expect(await answerOf(named('stirct'), pace)).toEqual({
      kind: 'failed',
      source: 'sql',
      why: 'there is no policy "stirct"',
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

test.each([NaN, Infinity, -Infinity])('a threshold of %s is a failure', async (value) =>
  expect(await answerOf({ kind: 'values', rejectAt: value })).toEqual({
    kind: 'failed',
    source: 'sql',
    why: `reject_at: got ${value}, expected a number or never`,
  }),
)

describePolicySource('a resolved source', {
  open: (entries) => breakable(entries, 'later', (one) => resolved(one, configured)),
  nameOf: ({ policy }) => policy.name,
})
