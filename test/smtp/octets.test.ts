import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  isCommandLine,
  octetsOf,
  printable,
  readable,
  textOf,
  toOctets,
  writeOctets,
} from '../../src/smtp/octets.ts'
import { runs } from '../support/properties.ts'

/**
 * Every kind of character that was ever taken for a line's end, and some whose low byte is CR, LF
 * or NUL.
 */
const hostile = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      ...Array.from('\r\n\0\t\x0b\x0c\x1b\x7f\x80\x85\x8d\x9b\xa0\xad\u2028\u2029a- '),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      '\u010a',
      '\u010d',
      '\u0a0d',
      '\u4e0d',
      '\u4e0a',
      '\ud800',
      '\u0100',
      '不上',
      '💩',
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 3 }) },
)
const text = fc.array(hostile, { maxLength: 12 }).map((parts) => parts.join(''))

describe('octets', () => {
  test('a character that is no octet is never written as one', () => {
    expect(toOctets('a\u4e0d\u4e0ab')).toEqual(Buffer.from('a??b'))
    expect(toOctets('\xe4\xff\0\r')).toEqual(Buffer.from([0xe4, 0xff, 0, 13]))
    const written: string[] = []
    writeOctets(
      { write: (octets, encoding) => written.push(`${encoding} ${octets}`) > 0 },
      '\u010d\u010a',
    )
    expect(written).toEqual(['latin1 ??'])
    fc.assert(
      fc.property(text, (drawn) => {
        const lineEnds = (all: Iterable<number>): number =>
          [...all].filter((code) => code === 13 || code === 10).length
        expect(lineEnds(toOctets(drawn))).toBe(
          lineEnds(Array.from(drawn, (character) => character.charCodeAt(0))),
        )
      }),
    )
  })

  test('Unicode text becomes UTF-8 and comes back', () => {
    expect(octetsOf('voilà')).toBe('voil\xc3\xa0')
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (drawn) => {
        expect(textOf(octetsOf(drawn))).toBe(drawn)
      }),
    )
  })

  test('what is no UTF-8 is no text, and is shown as Latin-1', () => {
    expect(textOf('a\xa0b')).toBeUndefined()
    expect(readable('ung\xfcltig')).toBe('ungültig')
    expect(readable('ung\xc3\xbcltig')).toBe('ungültig')
  })
})

describe('printable', () => {
  test.each([
    ['plain', 'plain'],
    ['a\tb', 'a\tb'],
    ['a\r\n250 b', 'a??250 b'],
    ['a\0b\x1b[31m\x7f', 'a?b?[31m?'],
    ['\u4e0d\u4e0a', '??'],
    [octetsOf('不上'), octetsOf('不上')],
    [octetsOf('a\u2028b\u0085c\u009b'), 'a?b?c?'],
    ['Latin-1: \xfc', 'Latin-1: \xfc'],
    ['C1 in Latin-1: \x85\x9b\xfc', 'C1 in Latin-1: ??\xfc'],
  ])('%j', (octets, line) => expect(printable(octets)).toBe(line))

  test('one line of octets, that comes out again as it is: rules.md: “Rcptwise writes ? for what is not printable”', () => {
    fc.assert(
      fc.property(text, (drawn) => {
        const line = printable(drawn)
        expect(line).toMatch(/^[\t\x20-\x7e\x80-\xff]*$/)
        expect(textOf(line) ?? '').not.toMatch(/[\x7f-\x9f\u2028\u2029]/)
        expect(printable(line)).toBe(line)
      }),
      { numRuns: runs(2000) },
    )
  })
})

test('rules.md: “and does not send a command that would not be one line.”', () => {
  for (const line of ['DATA', 'RCPT TO:<a b@c>', `RCPT TO:<${octetsOf('不上@x.test')}>`])
    expect(isCommandLine(line), line).toBe(true)
  for (const line of [
    '',
    'RCPT TO:<a\rb>',
    'a\nb',
    'a\0b',
    'a\x7fb',
    'a\tb',
    'RCPT TO:<a@不上.test>',
    '\u010d\u010aQUIT',
  ])
    expect(isCommandLine(line), line).toBe(false)
})
