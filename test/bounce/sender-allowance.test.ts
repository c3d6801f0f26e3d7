import { expect, test } from 'vitest'
import { SenderAllowance } from '../../src/bounce/sender-allowance.ts'

const minute = 60_000

test('so many within any hour, for each sender', () => {
  let at = 0
  const allowance = new SenderAllowance(2, () => at)
  expect(allowance.take('ann@example.org')).toBeDefined()
  at = 30 * minute
  expect(allowance.take('Ann@Example.org')).toBeDefined()
  expect(allowance.take('ann@example.org')).toBeUndefined()
  expect(allowance.take('bob@example.org')).toBeDefined()
  at = 60 * minute
  expect(allowance.take('ann@example.org')).toBeDefined()
  at = 89 * minute
  expect(allowance.take('ann@example.org')).toBeUndefined()
  at = 90 * minute
  expect(allowance.take('ann@example.org')).toBeDefined()
})

test('what was not used is given back, once', () => {
  const allowance = new SenderAllowance(1, () => 5)
  const taken = allowance.take('ann@example.org')
  taken?.giveBack()
  taken?.giveBack()
  expect(allowance.take('ann@example.org')).toBeDefined()
  expect(allowance.take('ann@example.org')).toBeUndefined()
})

test('none are allowed', () =>
  expect(new SenderAllowance(0, () => 0).take('ann@example.org')).toBeUndefined())

test('so many senders at once that no more are remembered: they get none, until an hour has passed', () => {
  let at = 0
  const allowance = new SenderAllowance(1, () => at)
  for (let i = 0; i < 50_000; i++) allowance.take(`a${i}@example.org`)
  expect(allowance.take('ann@example.org')).toBeUndefined()
  at = 60 * minute
  expect(allowance.take('ann@example.org')).toBeDefined()
})

test('a clock that is set back by a day keeps nobody waiting for a day, one that is set forward forgets', () => {
  let at = 1_000_000 * minute
  const allowance = new SenderAllowance(1, () => at)
  expect(allowance.take('ann@example.org')).toBeDefined()
  at -= 24 * 60 * minute
  expect(allowance.take('ann@example.org')).toBeDefined()
  expect(allowance.take('ann@example.org')).toBeUndefined()
  at += 48 * 60 * minute
  expect(allowance.take('ann@example.org')).toBeDefined()
})
