/** Under which keys an attempt is written and looked for. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { termsIn, writtenOf } from '../../src/history/batch-text.ts'
import { hasTerm, keyBits, keyOf, type Term, termsOf, valuesOf } from '../../src/history/terms.ts'
import { attempt, to } from './samples.ts'

const keysOf = (terms: readonly Term[], seed: number): readonly number[] =>
  terms.map((term) => keyOf(term, seed)).toSorted((a, b) => a - b)

test('each term has the key by which it is looked for', () => {
  const address = fc
    .nat({ max: 6000 })
    .map((n) => `${n % 2 === 0 ? 'User' : 'user'}${n}@example.org`)
  const sent = fc.record({
    reversePath: fc.oneof(address, fc.constant('')),
    recipients: fc.array(address, { maxLength: 20 }),
    split: fc.option(fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom('a\0b', '\n', 'c\nd')), {
      nil: undefined,
    }),
    messageId: fc.option(address, { nil: undefined }),
  })
  fc.assert(
    fc.property(sent, fc.nat(), ({ recipients, split, messageId, reversePath }, seed) => {
      const one = attempt({
        reversePath,
        recipients: recipients.map((recipient) => to(recipient, { taken: { queueId: recipient } })),
        ...(split !== undefined && { split }),
        ...(messageId !== undefined && { messageId }),
      })
      const terms: readonly Term[] = [
        { kind: 'sender', value: reversePath },
        { kind: 'client', value: one.client.address },
        ...(one.split === undefined ? [] : [{ kind: 'split', value: one.split } as const]),
        { kind: 'messageId', value: one.messageId ?? '' },
        ...recipients.flatMap((value): Term[] => [
          { kind: 'recipient', value },
          { kind: 'queueId', value },
        ]),
      ]
      const [before = [], found = []] = termsIn(writtenOf([attempt(), one]))
      expect(before).toEqual(termsOf(valuesOf(attempt())))
      expect(keysOf(found, seed)).toEqual(keysOf(terms, seed))
      expect(terms.every((term) => hasTerm(one, term))).toBe(true)
    }),
    { numRuns: 2000 },
  )
})

test.each([0, 1, 0xffffffff])(
  'few names share a key, and a file has keys of its own: %i',
  (seed) => {
    const [count, most] = [100_000, 30]
    const keys = new Set<number>()
    let alike = 0
    for (let n = 0; n < count; n++) {
      const term: Term = { kind: 'recipient', value: `firstname.lastname${n}@example.org` }
      const key = keyOf(term, seed)
      expect(key).toBeLessThan(2 ** keyBits)
      keys.add(key)
      if (key === keyOf(term, seed + 2)) alike++
    }
    // By chance it would be 4.7.
    expect(count - keys.size).toBeLessThan(most)
    expect(alike).toBeLessThan(most)
  },
)

test('kinds and capitals: one name is found in the kind in which it is, however it is written', () => {
  const [seed, value] = [7, 'Ann@example.org']
  const keys = (['recipient', 'sender', 'messageId', 'client', 'split', 'queueId'] as const).map(
    (kind) => keyOf({ kind, value }, seed),
  )
  expect(new Set(keys).size).toBe(keys.length)
  expect(keyOf({ kind: 'recipient', value: 'aNN@EXAMPLE.org' }, seed)).toBe(keys[0])
})
