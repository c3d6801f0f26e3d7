import { describe, expect, test } from 'vitest'
import { chainPolicySources } from '../../src/policy/chain.ts'
import type { PolicyAnswer, PolicySource } from '../../src/policy/policy-source.ts'
import { policies } from './policies.ts'

const unknown: PolicyAnswer = { kind: 'unknown' }
const failed: PolicyAnswer = { kind: 'failed', why: 'database away' }
const found = (name: string): PolicyAnswer => {
  const policy = policies.get(name)
  return policy === undefined ? unknown : { kind: 'found', policy }
}

const listening = new AbortController().signal

function source(answer: PolicyAnswer, how: 'at once' | 'later' = 'at once') {
  const calls: string[] = []
  const made: PolicySource = {
    policyFor(recipient): PolicyAnswer | Promise<PolicyAnswer> {
      calls.push(recipient)
      return how === 'later' ? Promise.resolve(answer) : answer
    },
    close: async () => {
      await Promise.resolve()
      calls.push('closed')
    },
  }
  return { ...made, calls }
}

describe('answers at once', () => {
  test.each<[string, readonly PolicyAnswer[], PolicyAnswer]>([
    ['nobody to ask', [], unknown],
    ['nobody knows', [unknown, unknown], unknown],
    ['the first that knows', [unknown, found('strict'), found('careful')], found('strict')],
    ['a failure ends the search', [unknown, failed, found('careful')], failed],
    ['a failure after an answer does not matter', [found('careful'), failed], found('careful')],
  ])('%s', (_, answers, expected) => {
    const chain = chainPolicySources(answers.map((answer) => source(answer)))
    expect(chain.policyFor('user@example.org', listening)).toEqual(expected)
  })
})

describe('answers later', () => {
  test.each<[string, readonly PolicySource[], PolicyAnswer]>([
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
    const answer = chainPolicySources(sources).policyFor('user@example.org', listening)
    expect(answer).toBeInstanceOf(Promise)
    expect(await answer).toEqual(expected)
  })
})

test('those behind a question that nobody waits for any more are not asked', async () => {
  const asked = new AbortController()
  const second = source(found('careful'))
  const answer = chainPolicySources([source(unknown, 'later'), second]).policyFor(
    'user@example.org',
    asked.signal,
  )
  asked.abort()
  expect(await answer).toMatchObject({ kind: 'failed' })
  expect(second.calls).toEqual([])
})

test('those behind the answer are not asked, and closing closes all', async () => {
  const first = source(found('strict'))
  const second = source(found('careful'))
  const chain = chainPolicySources([first, second])
  expect(chain.policyFor('user@example.org', listening)).toEqual(found('strict'))
  await chain.close()
  expect(first.calls).toEqual(['user@example.org', 'closed'])
  expect(second.calls).toEqual(['closed'])
})
