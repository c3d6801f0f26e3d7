import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type LineEvent, LineSplitter } from '../../src/smtp/line-splitter.ts'
import { cut, cuts, octet } from './splits.ts'
import { runs } from '../support/properties.ts'

function split(chunks: readonly Buffer[], limit = 20): LineEvent[] {
  const splitter = new LineSplitter(limit)
  const events: LineEvent[] = []
  for (const chunk of chunks) {
    splitter.push(chunk)
    for (let event = splitter.next(); event !== undefined; event = splitter.next())
      events.push(event)
  }
  return events
}

const line = (text: string): LineEvent => ({ kind: 'line', text })
const stray: LineEvent = { kind: 'stray' }
const tooLong: LineEvent = { kind: 'tooLong' }

describe('only CRLF ends a command line (RFC 5321 2.3.8)', () => {
  test.each<[string, string, LineEvent[]]>([
    ['two lines', 'EHLO a\r\nQUIT\r\n', [line('EHLO a'), line('QUIT')]],
    ['empty line', '\r\n', [line('')]],
    ['unfinished', 'QUIT\r', []],
    ['bare LF', 'QUIT\nRSET\r\n', [stray, line('RSET')]],
    ['bare CR', 'NOOP\rRSET\r\n', [stray]],
    ['CR CR LF', 'QUIT\r\r\n', [stray]],
    ['NUL', 'QU\0IT\r\n', [stray]],
    ['8-bit octets', 'MAIL \xff\r\n', [line('MAIL \xff')]],
    ['as long as may be', `${'a'.repeat(18)}\r\nQUIT\r\n`, [line('a'.repeat(18)), line('QUIT')]],
    ['one octet more', `${'a'.repeat(19)}\r\nQUIT\r\n`, [tooLong, line('QUIT')]],
    ['much more', `${'a'.repeat(500)}\r\nQUIT\r\n`, [tooLong, line('QUIT')]],
    [
      'too long, with a bare LF at its end',
      `${'a'.repeat(50)}\nQUIT\r\n`,
      [tooLong, stray, line('QUIT')],
    ],
  ])('%s', (_name, wire, events) => {
    expect(split([octet(wire)])).toEqual(events)
    expect(split([...octet(wire)].map((byte) => Buffer.from([byte])))).toEqual(events)
  })
})

test('a line without end does not fill the memory', () => {
  const splitter = new LineSplitter(100)
  for (let i = 0; i < 1000; i++) {
    splitter.push(Buffer.alloc(1000, 'a'))
    splitter.next()
  }
  expect(splitter.pendingBytes).toBeLessThanOrEqual(1001)
})

test('split anywhere, same lines', () => {
  const wire = fc
    .array(fc.constantFrom('\r\n', '\r', '\n', '\0', 'a', 'bcd', 'x'.repeat(9), 'y'.repeat(25)), {
      maxLength: 20,
    })
    .map((parts) => parts.join(''))
  fc.assert(
    fc.property(wire, cuts, (text, at) => {
      expect(split(cut(octet(text), at))).toEqual(split([octet(text)]))
    }),
    { numRuns: runs(5000) },
  )
})

test('the rest after a line belongs to whoever reads on', () => {
  const splitter = new LineSplitter(100)
  splitter.push(octet('DATA\r\ntext'))
  expect(splitter.next()).toEqual(line('DATA'))
  expect(splitter.pendingBytes).toBe(4)
  expect(splitter.takeRest().toString()).toBe('text')
  expect(splitter.next()).toBeUndefined()
})
