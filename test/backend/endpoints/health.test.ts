import { expect, test } from 'vitest'
import { Health } from '../../../src/backend/endpoints/health.ts'

const options = { ejectMs: 1000, ejectAtMostMs: 5000 }

test('left alone for longer with each failure, up to a limit', () => {
  const health = new Health(options)
  expect(health.up).toBe(true)
  expect([0, 1000, 3000, 7000, 12_000].map((now) => health.failed('no', now))).toEqual([
    1000, 2000, 4000, 5000, 5000,
  ])
  expect(health).toMatchObject({ up: false, why: 'no' })
})

test('it says once that it is back', () => {
  const health = new Health(options)
  expect(health.answered(0)).toBe(false)
  health.failed('no', 0)
  expect(health.answered(1000)).toBe(true)
  expect(health.answered(1001)).toBe(false)
  expect(health).toMatchObject({ up: true, why: undefined })
})

test('one that fails again at once is left alone for longer; one that was steady begins anew', () => {
  const health = new Health(options)
  health.failed('no', 0)
  health.failed('no', 1000)
  health.answered(3000)
  expect(health.failed('no', 4000)).toBe(4000)
  health.answered(8000)
  expect(health.failed('no', 100_000)).toBe(1000)
})
