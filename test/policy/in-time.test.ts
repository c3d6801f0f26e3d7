import { expect, test } from 'vitest'
import { inTime } from '../../src/policy/in-time.ts'
import type { Answers, PolicySource } from '../../src/policy/policy-source.ts'
import { named, ScriptedSource } from '../support/scripted-source.ts'
import { breakable, nameOfRaw, type Raw } from './breakable.ts'
import { describePolicySource } from './source.contract.ts'

const users = ['a@example.org', 'b@example.org']
const listening = (): AbortSignal => new AbortController().signal

const failed = (why: string): readonly object[] =>
  users.map(() => ({ kind: 'failed', source: 'scripted', why }))

test('an answer that is late: everybody in the question has failed, and the question is ended', async () => {
  const source = new ScriptedSource({}, 'never')
  const answers = await inTime(source, 1).policiesFor(users, listening())
  expect(answers).toEqual(failed('no answer in time (timeouts.policy)'))
  expect(source.asked[0]?.signal.aborted).toBe(true)
})

test('a source that does not end its question is not waited for', async () => {
  const deaf: PolicySource = {
    name: 'scripted',
    policiesFor: async () => await new Promise(() => undefined),
    close: async () => await Promise.resolve(),
  }
  const gone = new AbortController()
  const answers = inTime(deaf, 60_000).policiesFor(users, gone.signal)
  gone.abort()
  expect(await answers).toEqual(failed('nobody waits for the answer any more'))
})

test('who waits has gone: the question is ended', async () => {
  const source = new ScriptedSource({}, 'never')
  const gone = new AbortController()
  const answers = inTime(source, 60_000).policiesFor(users, gone.signal)
  expect(source.asked[0]?.signal.aborted).toBe(false)
  gone.abort()
  expect(source.asked[0]?.signal.aborted).toBe(true)
  expect(await answers).toEqual(failed('nobody waits for the answer any more'))
})

test('who has gone already does not ask', async () => {
  const source = new ScriptedSource()
  expect(await inTime(source, 60_000).policiesFor(users, AbortSignal.abort())).toMatchObject(
    failed('nobody waits for the answer any more'),
  )
  expect(source.asked).toEqual([])
})

test('an answer in time is given, and its question is not ended behind it', async () => {
  const source = new ScriptedSource({ [users[0] ?? '']: named('strict') }, 'later')
  const gone = new AbortController()
  const answers = await inTime(source, 60_000).policiesFor(users, gone.signal)
  expect(answers).toEqual([named('strict'), { kind: 'unknown' }])
  gone.abort()
  expect(source.asked[0]?.signal.aborted).toBe(false)
})

test('what is at hand is given at once', () =>
  expect(inTime(new ScriptedSource(), 1).policiesFor(users, listening())).toEqual([
    { kind: 'unknown' },
    { kind: 'unknown' },
  ]))

test.each<[string, () => Answers<Raw>, string]>([
  [
    'throws',
    () => {
      throw new Error('no such table')
    },
    'Error: no such table',
  ],
  ['rejects', async () => await Promise.reject(new Error('no such table')), 'Error: no such table'],
  ['answers for one of two', () => [named('strict')], '1 answers for 2 recipients'],
  [
    'answers for one of two later',
    async () => await Promise.resolve([named('strict')]),
    '1 answers for 2 recipients',
  ],
])('a source that %s has failed', async (_, policiesFor, why) => {
  const broken = { name: 'scripted', policiesFor, close: async () => await Promise.resolve() }
  expect(await inTime(broken, 60_000).policiesFor(users, listening())).toEqual(failed(why))
})

describePolicySource('a source with a time limit', {
  open: (entries) => breakable(entries, 'later', (one) => inTime(one, 60_000)),
  nameOf: nameOfRaw,
})
