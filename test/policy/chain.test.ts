import { describe, expect, test } from 'vitest'
import { chainPolicySources } from '../../src/policy/chain.ts'
import type { Answer, FoundPolicy } from '../../src/policy/policy-source.ts'
import { resolved } from '../../src/policy/resolved.ts'
import type { Policy } from '../../src/verdict/policy.ts'
import { type Pace, ScriptedSource } from '../support/scripted-source.ts'
import { breakable } from './breakable.ts'
import { found, resolving } from './policies.ts'
import { describePolicySource } from './source.contract.ts'

type Scripted = Answer<FoundPolicy>

const unknown: Scripted = { kind: 'unknown' }
const failed: Scripted = { kind: 'failed', source: 'second', why: 'database away' }
const listening = new AbortController().signal
const user = 'user@example.org'

const source = (answer: Scripted, pace: Pace = 'at once'): ScriptedSource<FoundPolicy> =>
  new ScriptedSource({ [user]: answer }, pace)

describe('answers at once', () => {
  test.each<[string, readonly Scripted[], Scripted]>([
    ['nobody to ask', [], unknown],
    ['nobody knows', [unknown, unknown], unknown],
    ['the first that knows', [unknown, found('strict'), found('careful')], found('strict')],
    ['a failure ends the search', [unknown, failed, found('careful')], failed],
    ['a failure after an answer does not matter', [found('careful'), failed], found('careful')],
  ])('%s', (_, answers, expected) => {
    const chain = chainPolicySources(answers.map((answer) => source(answer)))
    expect(chain.policiesFor([user], listening)).toEqual([expected])
  })
})

describe('answers later', () => {
  test.each<[string, readonly ScriptedSource<FoundPolicy>[], Scripted]>([
    [
      'only where one has to wait',
      [source(unknown, 'later'), source(found('strict'))],
      found('strict'),
    ],
    [
      'twice',
      [source(unknown, 'later'), source(unknown), source(found('careful'), 'later')],
      found('careful'),
    ],
    ['a failure', [source(unknown), source(failed, 'later'), source(found('careful'))], failed],
    ['nobody knows', [source(unknown, 'later')], unknown],
  ])('%s', async (_, sources, expected) => {
    const answers = chainPolicySources(sources).policiesFor([user], listening)
    expect(answers).toBeInstanceOf(Promise)
    expect(await answers).toEqual([expected])
  })
})

describe.each<Pace>(['at once', 'later'])('sources that answer %s', (pace) => {
  test('each is asked only for those whom nobody before it knows, all together and in their order', async () => {
    const first = new ScriptedSource<FoundPolicy>({ b: found('strict'), d: failed }, pace)
    const second = new ScriptedSource({ e: found('careful') }, pace)
    const third = new ScriptedSource({ a: found('tag-only'), b: found('never asked') }, pace)
    const chain = chainPolicySources([first, second, third])
    const answers = await chain.policiesFor(['a', 'b', 'c', 'd', 'e', 'a'], listening)
    expect(answers).toEqual([
      found('tag-only'),
      found('strict'),
      unknown,
      failed,
      found('careful'),
      found('tag-only'),
    ])
    const asked = [first, second, third].map((each) => each.asked.map((one) => one.recipients))
    expect(asked).toEqual([
      [['a', 'b', 'c', 'd', 'e', 'a']],
      [['a', 'c', 'e', 'a']],
      [['a', 'c', 'a']],
    ])
  })
})

describe.each<Pace>(['at once', 'later'])('an answer of a source that answers %s', (pace) => {
  const policy = (name: string, change: Partial<Policy>): Policy => ({
    ...found('careful').policy,
    name,
    ...change,
  })
  const own = (name: string, change: Partial<Policy>, open?: FoundPolicy['open']): FoundPolicy => ({
    kind: 'found',
    policy: policy(name, change),
    ...(open && { open }),
  })

  test.each<[string, readonly Scripted[], Scripted]>([
    [
      'what it left open is as the next one has it',
      [own('a', { tagAt: 1 }, ['rejectAt']), own('b', { tagAt: 2, rejectAt: 20 })],
      own('a', { tagAt: 1, rejectAt: 20 }),
    ],
    [
      'also that a threshold is never reached',
      [own('a', { tagAt: 1 }, ['rejectAt']), found('tag-only')],
      { kind: 'found', policy: { name: 'a', tagAt: 1, neverDefer: false } },
    ],
    [
      'what two of them left open is as the third one has it',
      [
        own('a', { tagAt: 1 }, ['rejectAt', 'neverDefer']),
        own('b', { rejectAt: 20 }, ['neverDefer', 'tagAt']),
        own('c', { tagAt: 3, rejectAt: 3, neverDefer: true }),
      ],
      own('a', { tagAt: 1, rejectAt: 20, neverDefer: true }),
    ],
    [
      'what nobody says stays as in the default policy',
      [own('a', { tagAt: 1 }, ['rejectAt']), unknown],
      own('a', { tagAt: 1 }, ['rejectAt']),
    ],
    [
      'a failure behind it has what was said so far',
      [own('a', { tagAt: 1 }, ['rejectAt']), failed],
      { ...failed, soFar: policy('a', { tagAt: 1 }) },
    ],
    [
      'whole, it is the answer',
      [own('a', { tagAt: 1 }), own('b', { rejectAt: 20 })],
      own('a', { tagAt: 1 }),
    ],
  ])('%s', async (_, answers, expected) => {
    const chain = chainPolicySources(answers.map((answer) => source(answer, pace)))
    expect(await chain.policiesFor([user], listening)).toEqual([expected])
  })
})

test('those behind a question that nobody waits for any more are not asked', async () => {
  const asked = new AbortController()
  const second = source(found('careful'))
  const answers = chainPolicySources([source(unknown, 'later'), second]).policiesFor(
    [user],
    asked.signal,
  )
  asked.abort()
  expect(await answers).toMatchObject([{ kind: 'failed' }])
  expect(second.asked).toEqual([])
})

test('those behind the answer are not asked, and closing closes all', async () => {
  const first = source(found('strict'))
  const second = source(found('careful'))
  const chain = chainPolicySources([first, second])
  expect(chain.policiesFor([user], listening)).toEqual([found('strict')])
  await chain.close()
  expect(second.asked).toEqual([])
  expect([first.closed, second.closed]).toEqual([1, 1])
})

describePolicySource('a chain', {
  open: (entries) =>
    breakable(entries, 'later', (one) =>
      chainPolicySources([new ScriptedSource<FoundPolicy>(), resolved(one, resolving)]),
    ),
  nameOf: ({ policy }) => policy.name,
})
