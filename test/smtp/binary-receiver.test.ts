import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BinaryReceiver } from '../../src/smtp/binary-receiver.ts'

const limits = {
  bareNewlines: 'normalize' as const,
  maxBytes: 5000,
  maxLineBytes: 100,
  maxHeaderBytes: 300,
}

function receive(...chunks: readonly Buffer[]) {
  const out: Buffer[] = []
  const receiver = new BinaryReceiver(limits, (chunk) => out.push(chunk))
  for (const chunk of chunks) receiver.push(chunk)
  receiver.finish()
  return { fault: receiver.fault, sizeBytes: receiver.sizeBytes, text: Buffer.concat(out) }
}
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')

/** Cuts at any places. */
function cut(text: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map((place) => place % (text.length + 1)))].sort((a, b) => a - b)
  return [0, ...at].map((from, i) => text.subarray(from, at[i] ?? text.length))
}

describe('what passes is what came', () => {
  test.each([
    ['nothing', ''],
    ['a header section alone', 'Subject: x\r\n'],
    ['no header section', '\r\n\0\r\n.\r\n\n\r'],
    ['bare CR and LF behind the header section', 'Subject: x\r\n\r\na\rb\nc\0'],
    ['an end of a text by DATA', 'A: b\r\n\r\nx\r\n.\r\nMAIL FROM:<evil@example.net>\r\n'],
    ['stuffed dots', 'A: b\r\n\r\n..\r\n...'],
    ['a line of 4000 octets', `A: b\r\n\r\n${'\xff'.repeat(4000)}`],
    ['a body that ends in CR', 'A: b\r\n\r\n\r'],
  ])('%s', (_name, text) =>
    expect(receive(bytes(text))).toEqual({
      fault: undefined,
      sizeBytes: text.length,
      text: bytes(text),
    }),
  )

  test('any octets behind a header section, in any pieces', () => {
    const body = fc.uint8Array({ maxLength: 400 }).map((octets) => Buffer.from(octets))
    const tricky = fc
      .array(fc.constantFrom('\r', '\n', '.', '\0', '\r\n.\r\n', '\r\n\r\n', 'a'), {
        maxLength: 40,
      })
      .map((parts) => bytes(parts.join('')))
    fc.assert(
      fc.property(
        fc.oneof(body, tricky),
        fc.array(fc.nat(), { maxLength: 8 }),
        (octets, places) => {
          const text = Buffer.concat([bytes('Subject: x\r\nTo: y\r\n\r\n'), octets])
          expect(receive(...cut(text, places))).toEqual({
            fault: undefined,
            sizeBytes: text.length,
            text,
          })
        },
      ),
    )
  })
})

describe('the header section is one of lines, and nothing of it is made something else', () => {
  test.each([
    ['a bare LF', 'A: b\nC: d\r\n\r\n', 'bareNewline'],
    ['a bare CR', 'A: b\rC: d\r\n\r\n', 'bareNewline'],
    ['a CR at the end of all', 'A: b\r', 'bareNewline'],
    ['a NUL in front', '\0A: b\r\n\r\n', 'nul'],
    ['a long line', `A: ${'b'.repeat(200)}\r\n\r\n`, 'lineTooLong'],
    ['too much of it', `${'A: b\r\n'.repeat(60)}\r\n`, 'headerTooLarge'],
    ['too large', `A: b\r\n\r\n${'b'.repeat(5000)}`, 'tooLarge'],
  ])('%s', (_name, text, fault) => {
    expect(receive(bytes(text)).fault).toBe(fault)
    expect(receive(...Array.from(text, bytes)).fault).toBe(fault)
  })

  test('octets of what is refused are counted, and go nowhere', () => {
    const { text, sizeBytes } = receive(bytes('A: b\nC: d\r\n\r\n'), bytes('body'))
    expect(text.includes('body')).toBe(false)
    expect(sizeBytes).toBeGreaterThan('A: b C: d'.length + 'body'.length)
  })
})
