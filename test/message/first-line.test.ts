import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { firstLineOctets, jointBefore } from '../../src/message/first-line.ts'
import { octet } from '../smtp/splits.ts'
import { runs } from '../support/properties.ts'

const ours = ['X-Spam-Flag: YES', 'X-Rcptwise-Verdict: tag', 'X-Rcptwise-Recipient: a@example.org']
const header = `${ours.join('\r\n')}\r\n`

describe('what stands between our fields and the first line', () => {
  test.each([
    ['a field', 'Subject: x\r\n\r\nhello\r\n', ''],
    ['a field with a blank before its colon', 'From : ann@example.org\r\n', ''],
    ['an empty line', '\r\nhello\r\n', ''],
    ['nothing at all', '', ''],
    [
      'a line of a mailbox',
      'From ann@example.org Mon Oct  5 08:00:00 2026\r\n',
      'X-Mailbox-Line: ',
    ],
    ['one that was quoted', '>>from ann\r\n', 'X-Mailbox-Line: '],
    ['a blank', ' Subject: x\r\n', '\r\n'],
    ['a TAB', '\tx\r\n\r\n', '\r\n'],
    ['plain text', 'hello\r\n', '\r\n'],
    ['plain text without a line end', 'hello', '\r\n'],
    ['a colon behind a blank', 'hello you: x\r\n', '\r\n'],
    ['a dot', '.\r\n', '\r\n'],
    ['octets that no name has', '\xe9: x\r\n', '\r\n'],
    ['a name that does not end', 'a'.repeat(firstLineOctets), '\r\n'],
  ])('%s', (_name, text, joint) => expect(jointBefore(octet(text), true)).toBe(joint))

  test('it is known as soon as the octets tell, and does not change with those to come', () => {
    const piece = fc.constantFrom(
      'From ',
      'from',
      ':',
      ' ',
      '\t',
      'a',
      '\r\n',
      '\r',
      '\n',
      '>',
      'x'.repeat(600),
      '.',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), fc.nat(), (pieces, at) => {
        const text = octet(pieces.join(''))
        const early = jointBefore(text.subarray(0, at % (text.length + 1)), false)
        if (early !== undefined) expect(early).toBe(jointBefore(text, true))
        if (text.length >= firstLineOctets) expect(jointBefore(text, false)).toBeDefined()
      }),
      { numRuns: runs(2000) },
    )
  })

  test('whatever a text begins with, our fields stay fields with the values that we gave them', () => {
    const piece = fc.constantFrom(
      'From ',
      '>',
      ':',
      ' ',
      '\t',
      'a',
      '\r\n',
      'X-Rcptwise-Verdict: accept',
      '.',
      '\r',
      '\n',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 10 }), (pieces) => {
        const text = pieces.join('')
        const lines = `${header}${jointBefore(octet(text), true) ?? '?'}${text}`.split('\r\n')
        expect(lines.slice(0, ours.length)).toEqual(ours)
        const next = lines[ours.length] ?? ''
        expect(next === '' || /^[!-9;-~]+[ \t]*:/.test(next), next).toBe(true)
      }),
      { numRuns: runs(2000) },
    )
  })
})
