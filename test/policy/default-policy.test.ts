import { describe, expect, test } from 'vitest'
import { withDefaultPolicy } from '../../src/policy/default-policy.ts'
import type { Answer, FoundPolicy } from '../../src/policy/policy-source.ts'
import { resolved } from '../../src/policy/resolved.ts'
import { named, type Pace, type Scripted, ScriptedSource } from '../support/scripted-source.ts'
import { found, policies, resolving } from './policies.ts'

const careful = resolving.defaultPolicy
const failed = { kind: 'failed', source: 'sql', why: 'away' } as const
const answers: Readonly<Record<string, Scripted>> = { known: named('strict'), broken: failed }

describe.each<Pace>(['at once', 'later'])('sources that answer %s', (pace) => {
  const ask = async (onFailure: 'defer' | 'default') =>
    await withDefaultPolicy(resolved(new ScriptedSource(answers, pace), resolving), {
      defaultPolicy: careful,
      onFailure,
    }).policiesFor(['known', 'other', 'broken'], new AbortController().signal)

  test('whom no source knows has the default policy; a failure stays one', async () =>
    expect(await ask('defer')).toEqual([
      { kind: 'found', policy: policies.get('strict') },
      { kind: 'found', policy: careful },
      failed,
    ]))

  test('on_failure: default gives the default policy in place of the one that is not known', async () =>
    expect((await ask('default'))[2]).toEqual({ ...failed, instead: careful }))
})

const only = (answer: Answer<FoundPolicy>) => new ScriptedSource<FoundPolicy>({ a: answer })
const strict = found('strict').policy

test.each<[string, Answer<FoundPolicy>, 'defer' | 'default', unknown]>([
  ['default, of all others defer', { ...failed, onFailure: 'default' }, 'defer', careful],
  ['defer, of all others default', { ...failed, onFailure: 'defer' }, 'default', undefined],
  ['what was said before it stands', { ...failed, soFar: strict }, 'default', strict],
])('a source has a choice of its own: %s', async (_, answer, onFailure, instead) => {
  const policies = withDefaultPolicy(only(answer), { defaultPolicy: careful, onFailure })
  const answers = await policies.policiesFor(['a'], new AbortController().signal)
  expect(answers).toEqual([instead === undefined ? answer : { ...answer, instead }])
})
