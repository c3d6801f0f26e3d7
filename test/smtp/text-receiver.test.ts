import { describe, expect, test } from 'vitest'
import fc from 'fast-check'
import { TextReceiver, type TextFault } from '../../src/smtp/text-receiver.ts'
import { endOfText, stuffDots, type Ending } from '../../src/smtp/dot-stuffing.ts'
import { cut, cuts } from './splits.ts'
import { runs } from '../support/properties.ts'

interface Received {
  readonly text: string
  readonly rest: string | undefined
  readonly fault: TextFault | undefined
  readonly size: number
}

const generous = { maxBytes: 1e6, maxLineBytes: 1e6, maxHeaderBytes: 1e6, dots: true }

function receive(
  chunks: readonly Buffer[],
  bareNewlines: 'reject' | 'normalize',
  limits = generous,
): Received {
  const parts: Buffer[] = []
  const receiver = new TextReceiver({ bareNewlines, ...limits }, (part) =>
    parts.push(Buffer.from(part)),
  )
  let rest: Buffer | undefined
  for (const chunk of chunks) {
    if (rest !== undefined) rest = Buffer.concat([rest, chunk])
    else rest = receiver.push(chunk)
  }
  // What was passed on before a fault is thrown away by everyone, and depends on where the pieces
  // end.
  const text = receiver.fault === undefined ? Buffer.concat(parts).toString('latin1') : ''
  return { text, rest: rest?.toString('latin1'), fault: receiver.fault, size: receiver.sizeBytes }
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')
const byteByByte = (text: string): Buffer[] => [...bytes(text)].map((octet) => Buffer.from([octet]))

describe('end of the text (RFC 5321 4.1.1.4)', () => {
  test.each([
    ['a plain text', 'a\r\n.\r\n', 'a\r\n', ''],
    ['an empty text', '.\r\n', '', ''],
    ['what follows is left alone', 'a\r\n.\r\nQUIT\r\n', 'a\r\n', 'QUIT\r\n'],
    ['a stuffed dot', '..\r\n.\r\n', '.\r\n', ''],
    ['a dot that was not stuffed is dropped (4.5.2)', '.a\r\n.\r\n', 'a\r\n', ''],
    ['a stuffed line in the middle', 'a\r\n..b\r\n.\r\n', 'a\r\n.b\r\n', ''],
    ['a dot inside a line', 'a.\r\nb.c\r\n.\r\n', 'a.\r\nb.c\r\n', ''],
    ['NUL inside a line', 'a\0b\r\n.\r\n', 'a\0b\r\n', ''],
    ['8-bit octets', '\xff\xfe\r\n.\r\n', '\xff\xfe\r\n', ''],
  ])('%s', (_name, wire, text, rest) => {
    const expected = { text, rest, fault: undefined, size: text.length }
    expect(receive([bytes(wire)], 'reject')).toEqual(expected)
    expect(receive(byteByByte(wire), 'reject')).toEqual(expected)
  })
})

describe('rule 9: nothing but CRLF.CRLF ends a text', () => {
  const alphabet = ['\r', '\n', '\0', '.', 'a']
  const sequences: string[] = []
  for (const a of ['', ...alphabet])
    for (const b of ['', ...alphabet])
      for (const c of ['', ...alphabet])
        for (const d of ['', ...alphabet])
          for (const e of alphabet) sequences.push(a + b + c + d + e)

  /**
   * What a very lenient backend makes of the wire: NULs dropped, any of CRLF, CR and LF ends a
   * line.
   */
  const lenientLines = (wire: string): string[] => wire.replaceAll('\0', '').split(/\r\n|\r|\n/)

  test('rules.md: “With bare_newlines: normalize Rcptwise makes bare CR and LF into CRLF.”', () => {
    const wire = 'a\rb\nc\r\nd\n\re\r\n.\r\n'
    const { text, fault } = receive([bytes(wire)], 'normalize')
    expect({ text, fault }).toEqual({ text: 'a\r\nb\r\nc\r\nd\r\n\r\ne\r\n', fault: undefined })
  })

  test.each(['reject', 'normalize'] as const)(
    '%s: every look-alike up to five octets',
    (bareNewlines) => {
      let refused = 0
      for (const middle of new Set(sequences)) {
        const wire = `x${middle}MAIL FROM:<evil@example.net>\r\n.\r\n`
        const received = receive([bytes(wire)], bareNewlines)
        expect(receive(byteByByte(wire), bareNewlines)).toEqual(received)
        const trueEnd = `x${middle}`.indexOf('\r\n.\r\n')
        if (trueEnd !== -1) continue // ended where it must; the rest is commands
        expect(received.rest).toBe('')
        if (received.fault !== undefined) {
          refused++
          continue
        }
        const sent = stuffWhole(received.text)
        expect(sent.endsWith('\r\n.\r\n')).toBe(true)
        const body = sent.slice(0, -3)
        for (const line of lenientLines(body)) expect(line, JSON.stringify(middle)).not.toBe('.')
      }
      expect(refused).toBeGreaterThan(10)
    },
  )
})

function stuffWhole(text: string): string {
  const { parts, ending } = stuffDots(bytes(text), 'lineStart')
  return Buffer.concat([...parts, endOfText(ending)]).toString('latin1')
}

const octets = fc
  .array(fc.constantFrom('\r\n', '\r', '\n', '.', '\0', 'a', 'bc', ' ', '\xe9'), { maxLength: 60 })
  .map((parts) => parts.join(''))

describe('properties', () => {
  test('split the bytes anywhere and get the same result', () => {
    fc.assert(
      fc.property(
        octets,
        cuts,
        fc.constantFrom('reject' as const, 'normalize' as const),
        (text, at, mode) => {
          const wire = bytes(`${text}\r\n.\r\nQUIT\r\n`)
          expect(receive(cut(wire, at), mode)).toEqual(receive([wire], mode))
        },
      ),
      { numRuns: runs(2000) },
    )
  })

  test('split the bytes anywhere and get the same fault, where limits are tight', () => {
    const limit = fc.oneof(fc.nat(60), fc.constant(1e6))
    const limits = fc.record({
      maxBytes: limit,
      maxLineBytes: limit,
      maxHeaderBytes: limit,
      dots: fc.boolean(),
    })
    const texts = fc.tuple(octets, fc.constantFrom('', 'a'.repeat(40), `${'a'.repeat(40)}\r\n`))
    fc.assert(
      fc.property(
        texts,
        cuts,
        fc.constantFrom('reject' as const, 'normalize' as const),
        limits,
        (text, at, mode, tight) => {
          const wire = bytes(`${text.join('')}\r\n.\r\nQUIT\r\n`)
          expect(receive(cut(wire, at), mode, tight)).toEqual(receive([wire], mode, tight))
        },
      ),
      { numRuns: runs(2000) },
    )
  })

  test('a text with CRLF lines comes through stuffing and receiving unchanged, in any pieces', () => {
    const line = fc
      .array(fc.constantFrom('.', '..', 'a', ' ', '\xe9', 'x.'), { maxLength: 6 })
      .map((p) => p.join(''))
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), cuts, cuts, (lines, one, two) => {
        const text = lines.map((l) => `${l}\r\n`).join('')
        let ending: Ending = 'lineStart'
        const sent: Buffer[] = []
        for (const piece of cut(bytes(text), one)) {
          const stuffed = stuffDots(piece, ending)
          sent.push(...stuffed.parts)
          ending = stuffed.ending
        }
        const wire = Buffer.concat([...sent, endOfText(ending)])
        expect(wire.toString('latin1')).toBe(stuffWhole(text))
        expect(receive(cut(wire, two), 'reject')).toEqual({
          text,
          rest: '',
          fault: undefined,
          size: text.length,
        })
      }),
      { numRuns: runs(2000) },
    )
  })
})

describe('limits', () => {
  test.each([
    ['message_size', { ...generous, maxBytes: 10 }, 'aaaaaaaaaaaa\r\n.\r\n', 'tooLarge'],
    ['text_line', { ...generous, maxLineBytes: 10 }, 'ok\r\naaaaaaaaaaaa\r\n.\r\n', 'lineTooLong'],
    [
      'header',
      { ...generous, maxHeaderBytes: 10 },
      'aaaaaa\r\naaaaaa\r\n\r\n.\r\n',
      'headerTooLarge',
    ],
    [
      'header does not count the body',
      { ...generous, maxHeaderBytes: 10 },
      'a\r\n\r\naaaaaa\r\naaaaaa\r\n.\r\n',
      undefined,
    ],
    ['NUL at the start of a line', generous, 'a\r\n\0.\r\n.\r\n', 'nul'],
    ['NUL behind a dot that is stuffing', generous, 'a\r\n.\0\r\n.\r\n', 'nul'],
    ['bare LF', generous, 'a\nb\r\n.\r\n', 'bareNewline'],
    ['bare CR', generous, 'a\rb\r\n.\r\n', 'bareNewline'],
  ] as const)('%s', (_name, limits, wire, fault) => {
    expect(receive([bytes(wire)], 'reject', limits)).toMatchObject({ rest: '', fault })
    expect(receive(byteByByte(wire), 'reject', limits)).toMatchObject({ rest: '', fault })
  })
})
