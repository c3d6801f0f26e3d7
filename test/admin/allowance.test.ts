/** How often somebody may do something within a minute. */
import { expect, it } from 'vitest'
import { Allowance } from '../../src/admin/allowance.ts'

it('gives so many a minute to each, and says how long to wait', () => {
  let now = 0
  const allowance = new Allowance(2, () => now)
  allowance.take('a')
  now = 10_000
  expect(allowance.waitSeconds('a')).toBe(0)
  allowance.take('a')
  expect(allowance.waitSeconds('a')).toBe(50)
  expect(allowance.waitSeconds('b')).toBe(0)
  now = 60_000
  expect(allowance.waitSeconds('a')).toBe(0)
})

it('knows 10,000 at most: whoever was known first is forgotten', () => {
  const allowance = new Allowance(1, () => 0)
  for (let i = 0; i <= 10_000; i++) allowance.take(String(i))
  expect(allowance.waitSeconds('0')).toBe(0)
  expect(allowance.waitSeconds('1')).toBe(60)
})
