/** Under which keys an attempt is written: the same whether its names were met before or not. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keyOf, keysOf, termsOf } from '../../src/history/terms.ts'
import { attempt, to } from './samples.ts'

const sorted = (keys: readonly number[]): readonly number[] => keys.toSorted((a, b) => a - b)

test('each term has the key by which it is looked for, and each key is there once', () => {
  // More names than are remembered, and few enough that most come again.
  const address = fc
    .nat({ max: 6000 })
    .map((n) => `${n % 2 === 0 ? 'User' : 'user'}${n}@example.org`)
  const sent = fc.record({
    reversePath: fc.oneof(address, fc.constant('')),
    recipients: fc.array(address, { maxLength: 20 }),
    split: fc.option(fc.string({ minLength: 1 }), { nil: undefined }),
    messageId: fc.option(address, { nil: undefined }),
  })
  fc.assert(
    fc.property(sent, ({ recipients, split, messageId, reversePath }) => {
      const one = attempt({
        reversePath,
        recipients: recipients.map((recipient) => to(recipient, { taken: { queueId: recipient } })),
        ...(split !== undefined && { split }),
        ...(messageId !== undefined && { messageId }),
      })
      const keys = keysOf(one)
      expect(new Set(keys).size).toBe(keys.length)
      expect(sorted(keys)).toEqual(sorted([...new Set(termsOf(one).map(keyOf))]))
    }),
    { numRuns: 2000 },
  )
})
