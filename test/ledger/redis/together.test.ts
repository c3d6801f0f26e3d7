/** Several shards as one ledger. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Fact } from '../../../src/facts/fact.ts'
import { OneAlarm } from '../../../src/ledger/redis/one-alarm.ts'
import { senderKey, shardOf } from '../../../src/ledger/redis/sender-key.ts'
import { oldestOf, stalestOf, sumOfCounts } from '../../../src/ledger/redis/together.ts'
import type { StalePage } from '../../../src/ledger/redis/shard.ts'
import type { Split } from '../../../src/split/split.ts'
import { ids, splitOf, start } from '../splits.ts'

test('senders are spread evenly over the shards', () => {
  const counts = Array.from({ length: 16 }, () => 0)
  for (let n = 0; n < 16_000; n += 1) {
    const shard = shardOf(senderKey(`sender${n}@example.net`), 16)
    counts[shard] = (counts[shard] ?? 0) + 1
  }
  expect(Math.min(...counts)).toBeGreaterThan(800)
  expect(Math.max(...counts)).toBeLessThan(1200)
})

test('pages of stale splits, in whatever pieces the shards give them, are all of them in order', () => {
  const times = fc.array(fc.array(fc.nat(50), { maxLength: 12 }), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(
      times,
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 6 }),
      (of, limit, pieces) => {
        const shards = of.map((mine, shard) =>
          mine
            .map((at, n) => splitOf(`${shard}-${n}`, { lastAttemptAt: start + at }))
            .toSorted((a, b) => a.lastAttemptAt - b.lastAttemptAt),
        )
        const left = new Set(shards.flat())
        let last = -Infinity
        while (left.size > 0) {
          const pages = shards.map((mine): StalePage => {
            const here = mine.filter((split) => left.has(split))
            const splits = here.slice(0, Math.min(limit, pieces))
            return { splits, isCut: splits.length < here.length || splits.length === limit }
          })
          const page: readonly Split[] = stalestOf(pages, limit)
          expect(page.length).toBeGreaterThan(0)
          for (const split of page) {
            expect(split.lastAttemptAt).toBeGreaterThanOrEqual(last)
            last = split.lastAttemptAt
            left.delete(split)
          }
        }
      },
    ),
  )
})

test('open splits of all are listed oldest first, and counted together', () => {
  const lists = [[1, 4], [], [2, 3]].map((mine) =>
    mine.map((n) => splitOf(`s${n}`, { startedAt: start + n })),
  )
  expect(ids(oldestOf(lists, 3))).toEqual(['s1', 's2', 's3'])
  const group = { peer: 'default', strategy: 'group' } as const
  const late = { peer: 'default', strategy: 'late' } as const
  expect(
    sumOfCounts([[{ ...group, count: 1 }], [{ ...late, count: 5 }], [{ ...group, count: 2 }]]),
  ).toEqual([
    { ...group, count: 3 },
    { ...late, count: 5 },
  ])
})

describe('troubles of shards', () => {
  const why = (server: string): Fact => ({ kind: 'ledgerTrouble', at: 1, why: server })
  const recovered: Fact = { kind: 'ledgerRecovered', at: 2 }

  test('are told once for each server and reason, and their end once when all are over', () => {
    const told: Fact[] = []
    const alarm = new OneAlarm((fact) => told.push(fact))
    const shards = [0, 1, 2, 3].map((shard) => alarm.listener(shard))
    for (const shard of shards.slice(0, 3)) shard(why('one is away'))
    shards[3]?.(why('the other is away'))
    expect(told).toEqual([why('one is away'), why('the other is away')])
    for (const shard of shards) shard(recovered)
    expect(told.slice(2)).toEqual([recovered])
    shards[0]?.(why('one is away'))
    expect(told).toHaveLength(4)
  })
})
