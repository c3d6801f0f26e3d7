import { describe, expect, test } from 'vitest'
import { TextPace } from '../../src/listen/text-pace.ts'

const minute = 60_000

/**
 * Sends `octets` every `everyMs`, for `forMs` at most; when it was too slow, in ms, or undefined.
 */
function send(pace: TextPace, octets: number, everyMs: number, forMs: number): number | undefined {
  for (let at = everyMs; at <= forMs; at += everyMs) if (!pace.took(octets, at)) return at
  return undefined
}

const begun = (bytesPerSecond: number, behindMs: number): TextPace => {
  const pace = new TextPace(bytesPerSecond, behindMs)
  pace.begin(0)
  return pace
}

describe('with 512 octets a second, and 5 minutes to be behind: limits.md: “A text may be behind its minimum rate by timeouts.text and no more.” “A modem of 2 KB a second never is.” “A sender that stops for four minutes and goes on is not (RFC 5321 4.5.3.2 asks for that patience).” “One that sends an octet a minute is, after six minutes.”', () => {
  test.each<[string, number, number, number | undefined]>([
    ['a modem of 2 KB a second, for a day', 2048, 1000, undefined],
    ['exactly the rate', 512, 1000, undefined],
    ['an octet a second', 1, 1000, 301_000],
    ['an octet a minute', 1, minute, 6 * minute],
    ['half the rate', 256, 1000, 600_000],
  ])('%s', (_, octets, everyMs, tooSlowAt) => {
    const at = send(begun(512, 5 * minute), octets, everyMs, 24 * 60 * minute)
    if (tooSlowAt === undefined) expect(at).toBeUndefined()
    else expect(Math.abs((at ?? 0) - tooSlowAt)).toBeLessThan(2000)
  })
  test('a stop of 4 minutes, then 2 KB a second, then a stop again', () => {
    const pace = begun(512, 5 * minute)
    expect(pace.took(100, 4 * minute)).toBe(true)
    for (let second = 1; second <= 120; second++)
      expect(pace.took(2048, 4 * minute + second * 1000)).toBe(true)
    expect(pace.took(2048, 10 * minute)).toBe(true)
  })
  test('what came fast is no credit for later', () => {
    const pace = begun(512, 5 * minute)
    expect(pace.took(50_000_000, 1000)).toBe(true)
    expect(pace.took(1, 5 * minute)).toBe(true)
    expect(pace.took(1, 5 * minute + 2000)).toBe(false)
  })
  test('limits.md: “Time in which Rcptwise itself does not read (the disk, the mail server behind) does not count.”', () => {
    const pace = begun(512, 5 * minute)
    pace.hold(1000)
    pace.hold(2000)
    pace.goOn(10 * minute)
    expect(pace.took(1, 14 * minute)).toBe(true)
    expect(pace.took(1, 16 * minute)).toBe(false)
  })
  test('another text begins anew', () => {
    const pace = begun(512, 5 * minute)
    expect(pace.took(1, 6 * minute)).toBe(false)
    pace.begin(6 * minute)
    expect(pace.took(1, 10 * minute)).toBe(true)
  })
})
