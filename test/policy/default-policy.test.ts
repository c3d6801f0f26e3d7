import { describe, expect, test } from 'vitest'
import { withDefaultPolicy } from '../../src/policy/default-policy.ts'
import { resolved } from '../../src/policy/resolved.ts'
import { named, type Pace, type Scripted, ScriptedSource } from '../support/scripted-source.ts'
import { policies } from './policies.ts'

const careful = policies.get('careful') ?? { name: 'careful', neverDefer: false }
const failed = { kind: 'failed', source: 'sql', why: 'away' } as const
const answers: Readonly<Record<string, Scripted>> = { known: named('strict'), broken: failed }

describe.each<Pace>(['at once', 'later'])('sources that answer %s', (pace) => {
  const ask = async (onFailure: 'defer' | 'default') =>
    await withDefaultPolicy(
      resolved(new ScriptedSource(answers, pace), { policies, defaultPolicy: careful }),
      { defaultPolicy: careful, onFailure },
    ).policiesFor(['known', 'other', 'broken'], new AbortController().signal)

  test('whom no source knows has the default policy; a failure stays one', async () =>
    expect(await ask('defer')).toEqual([
      { kind: 'found', policy: policies.get('strict') },
      { kind: 'found', policy: careful },
      failed,
    ]))

  test('on_failure: default gives the default policy in place of the one that is not known', async () =>
    expect((await ask('default'))[2]).toEqual({ ...failed, instead: careful }))
})
