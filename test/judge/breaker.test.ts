import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Breaker } from '../../src/judge/breaker.ts'

const limits = { failures: 3, firstPauseMs: 1000, longestPauseMs: 4000 }

describe('a breaker', () => {
  it('opens after three failures in a row, and says so once', () => {
    const breaker = new Breaker(limits)
    expect([breaker.failed(0), breaker.failed(0), breaker.failed(0)]).toEqual([false, false, true])
    expect(breaker.open).toBe(true)
    expect(breaker.admits(999)).toBe(false)
  })

  it('stays closed when a success comes between', () => {
    const breaker = new Breaker(limits)
    breaker.failed(0)
    breaker.failed(0)
    expect(breaker.succeeded()).toBe(false)
    expect([breaker.failed(0), breaker.failed(0)]).toEqual([false, false])
    expect(breaker.open).toBe(false)
  })

  it('lets one ask when its time has come, and is closed by its success', () => {
    const breaker = new Breaker(limits)
    for (let i = 0; i < 3; i++) breaker.failed(0)
    expect([breaker.admits(1000), breaker.admits(1000)]).toEqual([true, false])
    expect(breaker.succeeded()).toBe(true)
    expect([breaker.open, breaker.admits(1000)]).toEqual([false, true])
  })

  it('waits twice as long after each failure of such a one, up to the longest', () => {
    const breaker = new Breaker(limits)
    for (let i = 0; i < 3; i++) breaker.failed(0)
    let now = 1000
    for (const pause of [2000, 4000, 4000]) {
      expect(breaker.admits(now)).toBe(true)
      expect(breaker.failed(now)).toBe(false)
      expect(breaker.admits(now + pause - 1)).toBe(false)
      now += pause
    }
  })

  it('lets another ask when the one that asked was told to stop', () => {
    const breaker = new Breaker(limits)
    for (let i = 0; i < 3; i++) breaker.failed(0)
    expect(breaker.admits(1000)).toBe(true)
    breaker.abandoned()
    expect(breaker.admits(1000)).toBe(true)
  })

  it('property: whatever happened, it admits somebody when the longest pause is over', () => {
    const step = fc.record({
      what: fc.constantFrom('admits', 'failed', 'succeeded', 'abandoned'),
      after: fc.nat(3000),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const breaker = new Breaker(limits)
        let now = 0
        let asking = 0
        for (const { what, after } of steps) {
          now += after
          if (what === 'admits') asking += breaker.admits(now) ? 1 : 0
          else if (asking > 0) {
            asking--
            if (what === 'failed') breaker.failed(now)
            else if (what === 'succeeded') breaker.succeeded()
            else breaker.abandoned()
          }
        }
        // Whoever asks says how it went.
        for (; asking > 0; asking--) breaker.abandoned()
        expect(breaker.admits(now + limits.longestPauseMs)).toBe(true)
      }),
    )
  })
})
