import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  orderWeighted,
  pickWeighted,
  endpointOf,
  sharedWeights,
} from '../../../src/backend/endpoints/route.ts'

const server = (url: string, more = {}) => ({ url, host: 'h', port: 25, ...more })

describe('pickWeighted', () => {
  const three = [
    { value: 'a', weight: 1 },
    { value: 'b', weight: 2 },
    { value: 'c', weight: 1 },
  ]
  test.each([
    [0, 'a'],
    [0.24, 'a'],
    [0.25, 'b'],
    [0.74, 'b'],
    [0.75, 'c'],
    [0.9999, 'c'],
  ])('at %d: %s', (chance, picked) => expect(pickWeighted(three, chance)).toBe(picked))
  test('of one, of none', () => {
    expect(pickWeighted([{ value: 'a', weight: 0.5 }], 0.9)).toBe('a')
    expect(pickWeighted([], 0.5)).toBeUndefined()
  })
})

test('orderWeighted loses nobody and doubles nobody', () => {
  const weighted = fc.uniqueArray(fc.nat(100), { maxLength: 8 })
  fc.assert(
    fc.property(
      weighted,
      fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 8 }),
      (all, chances) => {
        let turn = 0
        const chance = (): number => chances[turn++ % chances.length] ?? 0
        const from = all.map((value) => ({ value, weight: 1 + (value % 7) }))
        expect(orderWeighted(from, chance).sort()).toEqual([...all].sort())
      },
    ),
  )
})

test('a server with many addresses gets no more than its share', () => {
  const one = server('smtp://one', { weight: 3 })
  const two = server('smtp://two')
  const endpoints = [
    endpointOf(one, 'h', '192.0.2.1'),
    endpointOf(one, 'h', '192.0.2.2'),
    endpointOf(one, 'h', '2001:db8::1'),
    endpointOf(two, 'h', '192.0.2.9'),
  ]
  expect(sharedWeights(endpoints).map(({ weight }) => weight)).toEqual([1, 1, 1, 1])
})

test.each([
  [{ priority: 0 }, 10, { priority: 0 }, 20],
  [{ priority: 0 }, 65_535, { priority: 1 }, 0],
  [{}, 0, { priority: 1 }, 0],
])('the priority comes first, then the preference: %j %d before %j %d', (a, first, b, second) =>
  expect(endpointOf(server('a', a), 'h', 'x', first).rank).toBeLessThan(
    endpointOf(server('b', b), 'h', 'x', second).rank,
  ),
)
