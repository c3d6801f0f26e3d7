import { expect, test } from 'vitest'
import { originsOf, type Told } from '../../src/policy/origins.ts'
import type { Answer, PolicyValues, RawPolicy } from '../../src/policy/policy-source.ts'
import { named } from '../support/scripted-source.ts'

const values = (said: Omit<PolicyValues, 'kind'>): PolicyValues => ({ kind: 'values', ...said })
const unknown = { kind: 'unknown' } as const
const failed = { kind: 'failed', source: 'a', why: 'away' } as const
const told = (...answers: readonly Answer<RawPolicy>[]): readonly Told[] =>
  answers.map((answer, i) => ({ source: 'abc'[i] ?? '', answer }))

test.each<[string, readonly Told[], Readonly<Record<string, string>>, string | undefined]>([
  ['nobody knows', told(unknown), {}, undefined],
  ['a name', told(unknown, named('strict'), named('careful')), {}, 'b'],
  [
    'values',
    told(values({ tagAt: 1 }), values({ tagAt: 2, rejectAt: 2 })),
    { tagAt: 'a' },
    undefined,
  ],
  ['values over a name', told(values({ tagAt: 1, behind: named('strict') })), { tagAt: 'a' }, 'a'],
  [
    'what is open comes from the next source, and nothing else of it',
    told(
      values({ tagAt: 1, open: ['rejectAt', 'neverDefer'] }),
      values({ tagAt: 2, rejectAt: 2, open: ['neverDefer', 'quarantineAt'] }),
      values({ quarantineAt: 3, neverDefer: true }),
    ),
    { tagAt: 'a', rejectAt: 'b', neverDefer: 'c' },
    undefined,
  ],
  [
    'or from the policy that it names',
    told(values({ tagAt: 1, open: ['rejectAt'] }), named('strict')),
    { tagAt: 'a', rejectAt: 'b' },
    undefined,
  ],
  ['a failure ends the search', told(failed, named('strict')), {}, undefined],
])('%s', (_, answers, of, others) => {
  const origins = originsOf(answers)
  expect(Object.fromEntries(origins.of)).toEqual(of)
  expect(origins.others).toBe(others)
})
