import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseDuration, parseSize } from '../../src/config/units.ts'
import { runs } from '../support/properties.ts'

describe('durations', () => {
  test.each([
    ['0s', 0],
    ['500ms', 500],
    ['60s', 60_000],
    ['60 s', 60_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['5d', 432_000_000],
    ['00:01:00', 60_000],
    ['00:00:00', 0],
    ['99:59:59', 359_999_000],
    ['120:00:00', 432_000_000],
  ])('%s is %d ms', (text, value) => {
    expect(parseDuration(text)).toEqual({ ok: true, value })
  })

  test.each([
    '',
    '5',
    '-5s',
    '5 minutes',
    '5M',
    '1.5h',
    '00:60:00',
    '0:1:0',
    '1e3s',
    ' 5s',
    '5s ',
    '٥s',
    '999999999999999d',
  ])('%j is none', (text) => {
    expect(parseDuration(text)).toMatchObject({ ok: false })
  })

  test('a bare number gets a hint', () => {
    expect(parseDuration('60')).toMatchObject({ hint: 'add the unit: "60s" for seconds' })
  })

  test('any whole number of any unit is read', () => {
    const units = fc.constantFrom(
      ['ms', 1],
      ['s', 1e3],
      ['m', 6e4],
      ['h', 36e5],
      ['d', 864e5],
    ) as fc.Arbitrary<[string, number]>
    fc.assert(
      fc.property(fc.nat(1_000_000), units, (count, [unit, factor]) => {
        expect(parseDuration(`${count}${unit}`)).toEqual({ ok: true, value: count * factor })
      }),
    )
  })
})

describe('sizes', () => {
  test.each([
    ['0', 0],
    ['1000', 1000],
    ['10B', 10],
    ['64KiB', 65_536],
    ['64kib', 65_536],
    ['1kB', 1000],
    ['1MB', 1_000_000],
    ['50MiB', 52_428_800],
    ['50 MiB', 52_428_800],
    ['2GB', 2_000_000_000],
    ['1GiB', 1_073_741_824],
  ])('%s is %d bytes', (text, value) => {
    expect(parseSize(text)).toEqual({ ok: true, value })
  })

  test.each([
    '',
    'MiB',
    '-1',
    '1.5MiB',
    '1TB',
    '10 apples',
    '1e3',
    '0x10',
    '999999999999999GiB',
    '50M',
  ])('%j is none', (text) => {
    expect(parseSize(text)).toMatchObject({ ok: false })
  })

  test('a bare letter gets a hint', () => {
    expect(parseSize('50m')).toMatchObject({ hint: 'did you mean "50MiB"?' })
  })
})

test.each([
  ['parseDuration', parseDuration],
  ['parseSize', parseSize],
])('%s gives a whole number or says what was expected, whatever it gets', (_, parse) => {
  const likely = fc.stringMatching(/^[0-9:smhdkKMGiB ]{0,20}$/)
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), likely), (text) => {
      const parsed = parse(text)
      if (parsed.ok) expect(Number.isSafeInteger(parsed.value) && parsed.value >= 0).toBe(true)
      else expect(parsed.expected).not.toBe('')
    }),
    { numRuns: runs(500) },
  )
})
