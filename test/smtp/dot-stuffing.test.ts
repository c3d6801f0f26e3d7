import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Ending, endOfText, stuffDots } from '../../src/smtp/dot-stuffing.ts'
import { TextReceiver } from '../../src/smtp/text-receiver.ts'
import { cut, cuts, octet } from './splits.ts'
import { runs } from '../support/properties.ts'

function stuff(chunks: readonly Buffer[]): string {
  let ending: Ending = 'lineStart'
  const out: Buffer[] = []
  for (const chunk of chunks) {
    const stuffed = stuffDots(chunk, ending)
    out.push(...stuffed.parts)
    ;({ ending } = stuffed)
  }
  return Buffer.concat([...out, endOfText(ending)]).toString('latin1')
}

test.each([
  ['nothing', '', '.\r\n'],
  ['a line', 'a\r\n', 'a\r\n.\r\n'],
  ['no CRLF at the end', 'a', 'a\r\n.\r\n'],
  ['a dot at the start', '.', '..\r\n.\r\n'],
  ['a line of a dot', 'a\r\n.\r\nb\r\n', 'a\r\n..\r\nb\r\n.\r\n'],
  ['dots at starts only', '.a.\r\n.b\r\nc.\r\n', '..a.\r\n..b\r\nc.\r\n.\r\n'],
  ['LF is no line start', 'a\n.\r\n', 'a\n.\r\n.\r\n'],
  ['CR at the end', 'a\r', 'a\r\r\n.\r\n'],
])('%s', (_name, text, wire) => {
  expect(stuff([octet(text)])).toBe(wire)
  expect(stuff([...octet(text)].map((byte) => Buffer.from([byte])))).toBe(wire)
})

test('split anywhere, same octets; and only the last line is a dot alone', () => {
  const text = fc
    .array(fc.constantFrom('\r\n', '\r', '\n', '.', 'a', '\r\n.'), { maxLength: 30 })
    .map((p) => p.join(''))
  fc.assert(
    fc.property(text, cuts, (drawn, at) => {
      const wire = stuff([octet(drawn)])
      expect(stuff(cut(octet(drawn), at))).toBe(wire)
      expect(`\r\n${wire}`.indexOf('\r\n.\r\n')).toBe(wire.length - 3)
    }),
    { numRuns: runs(3000) },
  )
})

test('octets of which the receiver says that no line begins with a dot in them need no stuffing', () => {
  const plain = '0123456789abcdef\r\n'.repeat(1000)
  const part = fc.constantFrom('\r\n', '\r', '\n', '.', '..', '\0', 'a', '.\r\n', '\r\n.', plain)
  const text = fc.array(part, { maxLength: 12 }).map((parts) => parts.join(''))
  const options = fc.record({
    bareNewlines: fc.constantFrom('reject' as const, 'normalize' as const),
    dots: fc.boolean(),
    maxBytes: fc.constant(1e6),
    maxLineBytes: fc.constant(998),
    maxHeaderBytes: fc.constant(1e6),
  })
  fc.assert(
    fc.property(text, cuts, options, (drawn, at, how) => {
      let ending: Ending = 'lineStart'
      const receiver = new TextReceiver(how, (chunk, dotted) => {
        const stuffed = stuffDots(chunk, ending)
        if (!dotted) expect(Buffer.concat(stuffed.parts)).toEqual(chunk)
        ;({ ending } = stuffed)
      })
      for (const piece of cut(octet(drawn), at)) if (!receiver.ended) receiver.push(piece)
    }),
    { numRuns: runs(2000) },
  )
})
