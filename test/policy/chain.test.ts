import { describe, expect, test } from 'vitest'
import { chainPolicySources } from '../../src/policy/chain.ts'
import { named, type Pace, type Scripted, ScriptedSource } from '../support/scripted-source.ts'
import { breakable, nameOfRaw } from './breakable.ts'
import { describePolicySource } from './source.contract.ts'

const unknown: Scripted = { kind: 'unknown' }
const failed: Scripted = { kind: 'failed', source: 'second', why: 'database away' }
const listening = new AbortController().signal
const user = 'user@example.org'

const source = (answer: Scripted, pace: Pace = 'at once'): ScriptedSource =>
  new ScriptedSource({ [user]: answer }, pace)

describe('answers at once', () => {
  test.each<[string, readonly Scripted[], Scripted]>([
    ['nobody to ask', [], unknown],
    ['nobody knows', [unknown, unknown], unknown],
    ['the first that knows', [unknown, named('strict'), named('careful')], named('strict')],
    ['a failure ends the search', [unknown, failed, named('careful')], failed],
    ['a failure after an answer does not matter', [named('careful'), failed], named('careful')],
  ])('%s', (_, answers, expected) => {
    const chain = chainPolicySources(answers.map((answer) => source(answer)))
    expect(chain.policiesFor([user], listening)).toEqual([expected])
  })
})

describe('answers later', () => {
  test.each<[string, readonly ScriptedSource[], Scripted]>([
    [
      'only where one has to wait',
      [source(unknown, 'later'), source(named('strict'))],
      named('strict'),
    ],
    [
      'twice',
      [source(unknown, 'later'), source(unknown), source(named('careful'), 'later')],
      named('careful'),
    ],
    ['a failure', [source(unknown), source(failed, 'later'), source(named('careful'))], failed],
    ['nobody knows', [source(unknown, 'later')], unknown],
  ])('%s', async (_, sources, expected) => {
    const answers = chainPolicySources(sources).policiesFor([user], listening)
    expect(answers).toBeInstanceOf(Promise)
    expect(await answers).toEqual([expected])
  })
})

describe.each<Pace>(['at once', 'later'])('sources that answer %s', (pace) => {
  test('each is asked only for those whom nobody before it knows, all together and in their order', async () => {
    const first = new ScriptedSource({ b: named('strict'), d: failed }, pace)
    const second = new ScriptedSource({ e: named('careful') }, pace)
    const third = new ScriptedSource({ a: named('tag-only'), b: named('never asked') }, pace)
    const chain = chainPolicySources([first, second, third])
    const answers = await chain.policiesFor(['a', 'b', 'c', 'd', 'e', 'a'], listening)
    expect(answers).toEqual([
      named('tag-only'),
      named('strict'),
      unknown,
      failed,
      named('careful'),
      named('tag-only'),
    ])
    const asked = [first, second, third].map((each) => each.asked.map((one) => one.recipients))
    expect(asked).toEqual([
      [['a', 'b', 'c', 'd', 'e', 'a']],
      [['a', 'c', 'e', 'a']],
      [['a', 'c', 'a']],
    ])
  })
})

test('those behind a question that nobody waits for any more are not asked', async () => {
  const asked = new AbortController()
  const second = source(named('careful'))
  const answers = chainPolicySources([source(unknown, 'later'), second]).policiesFor(
    [user],
    asked.signal,
  )
  asked.abort()
  expect(await answers).toMatchObject([{ kind: 'failed' }])
  expect(second.asked).toEqual([])
})

test('those behind the answer are not asked, and closing closes all', async () => {
  const first = source(named('strict'))
  const second = source(named('careful'))
  const chain = chainPolicySources([first, second])
  expect(chain.policiesFor([user], listening)).toEqual([named('strict')])
  await chain.close()
  expect(second.asked).toEqual([])
  expect([first.closed, second.closed]).toEqual([1, 1])
})

describePolicySource('a chain', {
  open: (entries) =>
    breakable(entries, 'later', (one) => chainPolicySources([new ScriptedSource(), one])),
  nameOf: nameOfRaw,
})
