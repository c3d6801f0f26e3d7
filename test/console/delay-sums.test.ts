/** Delays of several minutes together. */
import { expect, test } from 'vitest'
import { percentile, rowsOf } from '../../src/console/delay-sums.ts'

const minute = (counts: number[], peer = 'default') => ({
  at: 0,
  outcomes: {},
  messages: 0,
  forcedRetries: 0,
  delays: [{ peer, strategy: 'late', counts }],
})

test('minutes are added by class and strategy', () => {
  const rows = rowsOf(
    [minute([1, 2, 0]), minute([0, 1, 4]), minute([9, 0, 0], 'partners')],
    [60, 300],
  )
  expect(rows).toMatchObject([
    { peer: 'default', strategy: 'late', counts: [1, 3, 4], total: 8 },
    { peer: 'partners', counts: [9, 0, 0], total: 9 },
  ])
})

test('a percentile is the bound of the bucket in which it lies', () => {
  const [row] = rowsOf([minute([5, 4, 1])], [60, 300])
  if (row === undefined) throw new Error('no row')
  expect([0.5, 0.9, 0.99].map((share) => percentile(row, share))).toEqual([60, 300, Infinity])
  expect(percentile({ ...row, counts: [0, 0, 0], total: 0 }, 0.5)).toBeUndefined()
})
