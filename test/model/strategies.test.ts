/** A small edition of the table in docs/strategies.md: what must hold in every cell. */
import { describe, expect, test } from 'vitest'
import { configurableStrategies } from '../../src/strategy/names.ts'
import { modelSenders } from './senders.ts'
import { simulate } from './simulate.ts'
import { quantile, tables } from './table.ts'

const messages = 150

describe.each(modelSenders)(
  '$name, strategies.md: “a small edition of them is a test (test/model).”',
  (sender) => {
    test.each(configurableStrategies)('%s', async (strategy) => {
      const outcome = await simulate({ sender, strategy, messages, seed: 7 })
      expect({ lost: outcome.lost, bounced: outcome.bounced, doubled: outcome.doubled }).toEqual({
        lost: 0,
        bounced: 0,
        doubled: 0,
      })
      expect(outcome.delays.length + outcome.givenUp).toBeGreaterThan(messages)
      const never =
        strategy === 'late' || strategy === 'auto' || strategy === 'lenient' || strategy === 'off'
      if (never) expect(outcome.delays.at(-1), 'nobody who takes it waits').toBe(0)
      if (strategy === 'lenient' || strategy === 'off') expect(outcome.forcedRetries).toBe(0)
      // A program that makes one attempt per recipient, or is told each one's answer, has nothing
      // to be split.
      if (sender.apart === true || sender.acts === 'eximPrdr') expect(outcome.through).toBe(0)
    })
  },
)

test('the same seed, the same outcome', async () => {
  const [sender] = modelSenders
  if (sender === undefined) throw new Error('no senders')
  const once = await simulate({ sender, strategy: 'late', messages: 50, seed: 1 })
  expect(await simulate({ sender, strategy: 'late', messages: 50, seed: 1 })).toEqual(once)
  expect(await simulate({ sender, strategy: 'late', messages: 50, seed: 2 })).not.toEqual(once)
  expect(tables([{ ...once, sender: sender.name, strategy: 'late' }])).toContain('| Postfix | 0')
})

test.each([
  [[], 0.5, 0],
  [[1], 0.95, 1],
  [[1, 2, 3, 4], 0.5, 2],
  [[1, 2, 3, 4], 0.95, 4],
])('quantile(%j, %d) is %d', (sorted, share, expected) => {
  expect(quantile(sorted, share)).toBe(expected)
})
