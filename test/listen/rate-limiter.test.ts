import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { clientKey, networkOf } from '../../src/peers/network.ts'
import { RateLimiter } from '../../src/listen/rate-limiter.ts'

describe('rate limiter', () => {
  test("limits.md: “A client may use a whole minute's allowance at once; then it gets more as time goes by.” “With 60 a minute it gets one more each second.”", () => {
    const limiter = new RateLimiter({ count: 3, perMs: 3000 })
    expect([0, 0, 0, 0].map((at) => limiter.take('a', at))).toEqual([true, true, true, false])
    expect(limiter.take('a', 999)).toBe(false)
    expect(limiter.take('a', 1000)).toBe(true)
    expect(limiter.take('a', 1000)).toBe(false)
  })
  test('one key does not pay for another', () => {
    const limiter = new RateLimiter({ count: 1, perMs: 1000 })
    expect(limiter.take('a', 0)).toBe(true)
    expect(limiter.take('b', 0)).toBe(true)
    expect(limiter.take('a', 0)).toBe(false)
  })
  test('never more than the rate allows, whatever the times', () => {
    const times = fc.array(fc.nat({ max: 500 }), { minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(times, (steps) => {
        const limiter = new RateLimiter({ count: 10, perMs: 1000 })
        let now = 0
        let taken = 0
        for (const step of steps) {
          now += step
          if (limiter.take('a', now)) taken++
        }
        expect(taken).toBeLessThanOrEqual(10 + (now * 10) / 1000)
      }),
    )
  })
  test('asking whether there is one takes none', () => {
    const limiter = new RateLimiter({ count: 1, perMs: 1000 })
    expect([
      limiter.has('a', 0),
      limiter.has('a', 0),
      limiter.take('a', 0),
      limiter.has('a', 0),
    ]).toEqual([true, true, true, false])
    expect([limiter.has('a', 999), limiter.has('a', 1000)]).toEqual([false, true])
  })
  test('remembers no more keys than it may', () => {
    const limiter = new RateLimiter({ count: 1, perMs: 1000 }, 100)
    for (let i = 0; i < 1000; i++) limiter.take(`key ${i}`, i)
    expect(limiter.keys).toBe(100)
  })
})

test.each([
  ['192.0.2.77', '192.0.2'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8::6', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
  ['2001:0db8::', '2001:db8:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
])('the network of %s is %s', (address, network) => {
  expect(networkOf(address)).toBe(network)
})

test.each([
  ['192.0.2.77', '192.0.2.77'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
])('%s is counted as %s', (address, key) => {
  expect(clientKey(address)).toBe(key)
})
