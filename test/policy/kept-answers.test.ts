import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Kept, KeptAnswers, SameAnswers } from '../../src/policy/kept-answers.ts'
import type { RawPolicy } from '../../src/policy/policy-source.ts'
import { runs } from '../support/properties.ts'

const kept = (name: string, n = 0): Kept<RawPolicy> => ({
  answer: { kind: 'named', name },
  until: n,
  staleUntil: n + 1,
  renewal: n + 2,
})

type Step = readonly ['set' | 'touch' | 'delete' | 'clear', string, number]

test('property: it holds what a map does that loses its oldest', () => {
  const key = fc.integer({ min: 0, max: 99 }).map((n) => `a${n}`)
  const step: fc.Arbitrary<Step> = fc.tuple(
    fc.constantFrom(...(['set', 'set', 'set', 'touch', 'delete', 'clear'] as const)),
    key,
    fc.integer({ min: 0, max: 1000 }),
  )
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 400 }),
      fc.integer({ min: 1, max: 90 }),
      (all, most) => {
        const [map, answers] = [
          new Map<string, Kept<RawPolicy>>(),
          new KeptAnswers<RawPolicy>(most, new SameAnswers()),
        ]
        for (const [what, at, n] of all) {
          const before = map.get(at)
          if (what === 'clear') {
            if (n > 900) {
              map.clear()
              answers.clear()
            }
          } else if (what === 'set') {
            map.delete(at)
            map.set(at, kept(`p${n}`, n))
            answers.set(at, kept(`p${n}`, n))
            const [oldest] = map.keys()
            if (map.size > most && oldest !== undefined) map.delete(oldest)
          } else if (before !== undefined) {
            map.delete(at)
            if (what === 'touch') map.set(at, before)
            answers[what](at)
          } else answers[what](at)
        }
        for (let n = 0; n < 100; n++) expect(answers.get(`a${n}`)).toEqual(map.get(`a${n}`))
      },
    ),
    { numRuns: runs(300) },
  )
})

test('recipients who have a policy of the same name share one object, however many there are', () => {
  const same = new SameAnswers<RawPolicy>()
  const answers = new KeptAnswers<RawPolicy>(100, same)
  const other = new KeptAnswers<RawPolicy>(100, same)
  answers.set('a', kept('strict'))
  answers.set('b', kept('strict'))
  other.set('c', kept('strict'))
  const [first, ...others] = [answers.get('a'), answers.get('b'), other.get('c')]
  for (const each of others) expect(each?.answer).toBe(first?.answer)
})

test('names of which there is no end are not kept for good', () => {
  const same = new SameAnswers<RawPolicy>()
  for (let n = 0; n < 5000; n++)
    expect(same.of({ kind: 'named', name: `n${n}` })).toEqual({ kind: 'named', name: `n${n}` })
  expect(same.size).toBeLessThanOrEqual(1000)
})
