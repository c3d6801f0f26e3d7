import { describe, expect, test } from 'vitest'
import { RecallBatch } from '../../../src/ledger/redis/recall.ts'
import type { Split } from '../../../src/split/split.ts'
import { ids, splitOf } from '../splits.ts'

interface Asked {
  readonly reversePath: string
  readonly recipients: readonly string[]
}

function batch(fails = false): { readonly asked: Asked[]; readonly recalls: RecallBatch } {
  const asked: Asked[] = []
  const recalls = new RecallBatch(
    async (reversePath, recipients): Promise<(readonly Split[])[]> => {
      asked.push({ reversePath, recipients })
      await Promise.resolve()
      if (fails) throw new Error('away')
      return recipients.map((recipient) => [splitOf(`${reversePath} to ${recipient}`)])
    },
  )
  return { asked, recalls }
}

describe('recalls', () => {
  test('of one turn are one question a sender, and each has its own answer', async () => {
    const { asked, recalls } = batch()
    const pairs = [
      ['s', 'a'],
      ['t', 'a'],
      ['s', 'b'],
      ['s', 'a'],
    ] as const
    const found = await Promise.all(pairs.map(async ([from, to]) => await recalls.recall(from, to)))
    expect(asked).toEqual([
      { reversePath: 's', recipients: ['a', 'b'] },
      { reversePath: 't', recipients: ['a'] },
    ])
    expect(found.map(ids)).toEqual([['s to a'], ['t to a'], ['s to b'], ['s to a']])
  })

  test('of the next turn are another question', async () => {
    const { asked, recalls } = batch()
    await recalls.recall('s', 'a')
    await recalls.recall('s', 'b')
    expect(asked).toHaveLength(2)
  })

  test('of more than a hundred recipients are several questions', async () => {
    const { asked, recalls } = batch()
    const found = await Promise.all(
      Array.from({ length: 250 }, async (_, n) => await recalls.recall('s', `r${n}`)),
    )
    expect(asked.map(({ recipients }) => recipients.length)).toEqual([100, 100, 50])
    expect(found.map(ids)).toEqual(Array.from({ length: 250 }, (_, n) => [`s to r${n}`]))
  })

  test('fail together', async () => {
    const { recalls } = batch(true)
    const settled = await Promise.allSettled([recalls.recall('s', 'a'), recalls.recall('s', 'b')])
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  })
})
