/** Retry delays in a line of bars, and in words. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { delaysInWords, heightsOf, medianOf } from '../../src/console/retry-delays.ts'

test('a longer delay has a higher bar, and each bar can be seen and fits', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(500_000), { minLength: 1, maxLength: 20 }), (delays) => {
      const heights = heightsOf(delays)
      for (const [i, height] of heights.entries()) {
        expect(height).toBeGreaterThanOrEqual(0.15)
        expect(height).toBeLessThanOrEqual(1)
        for (const [j, other] of heights.entries())
          if ((delays[i] ?? 0) > (delays[j] ?? 0)) expect(height).toBeGreaterThan(other)
      }
    }),
  )
})

test.each([
  [[], undefined, 'no retry was seen'],
  [[61], 61, 'the last retry came after 1m 01s'],
  [[900, 60], 60, 'the last 2 retries came after 1m to 15m, half of them within 1m'],
  [[3600, 60, 300], 300, 'the last 3 retries came after 1m to 1h, half of them within 5m'],
])('%j', (delays, median, words) => {
  expect(medianOf(delays)).toBe(median)
  expect(delaysInWords(delays)).toBe(words)
})
