import { expect, test } from 'vitest'
import { randomIds } from '../../src/app/random-ids.ts'

test('ids are 16 characters of base32, each another, over more than one request for random octets', () => {
  const newId = randomIds()
  const ids = Array.from({ length: 1000 }, () => newId())
  for (const id of ids) expect(id).toMatch(/^[a-z2-7]{16}$/)
  expect(new Set(ids).size).toBe(1000)
})

test('every character comes up at every place', () => {
  const newId = randomIds()
  const ids = Array.from({ length: 2000 }, () => newId())
  for (let place = 0; place < 16; place += 1)
    expect(new Set(ids.map((id) => id[place])).size).toBe(32)
})

test('two sources do not share ids', () => {
  const [one, other] = [randomIds(), randomIds()]
  expect(one()).not.toBe(other())
})
