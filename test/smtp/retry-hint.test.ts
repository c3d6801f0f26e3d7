import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatClock, readRetryHint, retryHint } from '../../src/smtp/retry-hint.ts'

test.each([
  [0, '00:00:00'],
  [1, '00:00:01'],
  [60, '00:01:00'],
  [3599, '00:59:59'],
  [3600, '01:00:00'],
  [86_399, '23:59:59'],
  [86_400, '01-00:00:00'],
  [10 * 86_400 + 61, '10-00:01:01'],
])('%d s is %s (draft-santos-smtpgrey-02 2.4)', (seconds, clock) =>
  expect(formatClock(seconds)).toBe(clock),
)

test('one number of seconds only, and the hint stands last', () => {
  expect(retryHint(60)).toBe('again in 60 seconds; retry=00:01:00')
  expect(retryHint(60).match(/\d+ seconds/g)).toHaveLength(1)
})

test('what a hint says is read again', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 100 * 86_400 }), (seconds) => {
      expect(readRetryHint(`please try ${retryHint(seconds)}`)).toBe(seconds)
    }),
  )
  expect(readRetryHint('4.7.1 Try again later')).toBeUndefined()
})
