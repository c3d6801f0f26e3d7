/** Numbers and times as the console says them. */
import { expect, test } from 'vitest'
import { clock, count, matches, plural, spell } from '../../src/console/words.ts'

test.for([
  [0, '0s'],
  [-5000, '0s'],
  [59_999, '59s'],
  [60_000, '1m'],
  [7_500_000, '2h 05m'],
  [90_000_000, '1d 01h'],
] as const)('%i ms are %s', ([ms, words]) => {
  expect(spell(ms)).toBe(words)
})

test('a time of another day has its day', () => {
  const now = new Date(2026, 10, 30, 14, 5, 9)
  expect(clock(now.getTime(), now.getTime() + 1000)).toBe('14:05:09')
  expect(clock(now.getTime(), now.getTime() + 86_400_000)).toBe('2026-11-30 14:05:09')
})

test('counts have their thousands, and small fractions one digit', () => {
  expect([count(1234567), count(0.26), count(10.26)]).toEqual(['1,234,567', '0.3', '10'])
  expect([plural(1, 'attempt'), plural(2, 'attempt')]).toEqual(['1 attempt', '2 attempts'])
})

test('a filter finds what has all of its words, wherever and however they are written', () => {
  expect(matches('NET maria', ['maria@example.net', undefined])).toBe(true)
  expect(matches('maria org', ['maria@example.net'])).toBe(false)
  expect(matches('', [])).toBe(true)
})
