/** The scanner of plain lines: as the code that looks at one octet after the other would say. */
import fc from 'fast-check'
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { canScan, endOfPlainLines, forgetChunk } from '../../src/smtp/plain-lines.ts'
import { assembled, target } from '../../tools/wasm.ts'

const [NUL, LF, CR, DOT] = [0, 10, 13, 46]

interface Lines {
  readonly from: number
  readonly end: number
  readonly longest: number
}

/** What plain-lines.wat says, octet by octet. */
function plainly(data: Buffer, { from, end, longest }: Lines): number {
  let line = from
  for (let at = from; at < Math.min(end, data.length); at++) {
    if (at === line && (data[at] === DOT || data[at] === NUL)) break
    if (data[at] === LF && (at === line || data[at - 1] !== CR)) break
    if (at > line && data[at - 1] === CR && data[at] !== LF) break
    if (data[at] !== LF) continue
    if (at - line - 1 > longest) break
    line = at + 1
  }
  return line
}

const scanned = (data: Buffer, lines: Lines): number => {
  try {
    return endOfPlainLines(data, lines)
  } finally {
    forgetChunk()
  }
}

test('the code is as its source; if not, run: node tools/wasm.ts', async () => {
  expect(await readFile(target, 'utf8')).toBe(await assembled())
})

const piece = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('\r\n', '\r\n.', 'a', 'text', 'x'.repeat(13)) },
  { weight: 2, arbitrary: fc.nat(90).map((length) => 'y'.repeat(length)) },
  { weight: 1, arbitrary: fc.constantFrom('\r', '\n', '\0', '.', '\n\r', '\r\n\0', '\xff') },
)
const text = fc.array(piece, { maxLength: 60 }).map((all) => Buffer.from(all.join(''), 'latin1'))

test('any text, from any line on and to any end: where the octets say', () => {
  const places = fc.record({
    from: fc.nat(50),
    end: fc.nat(3000),
    longest: fc.integer({ min: 16, max: 100 }),
  })
  fc.assert(
    fc.property(text, places, (data, { from, end, longest }) => {
      const lines = { from: Math.min(from, data.length), end, longest }
      expect(scanned(data, lines)).toBe(plainly(data, lines))
    }),
    { numRuns: 3000 },
  )
})

test('each octet at each place of three blocks, in a plain text and where a line begins', () => {
  for (let at = 0; at < 48; at++)
    for (let octet = 0; octet < 256; octet++)
      for (const around of ['x'.repeat(48), `${'x'.repeat(14)}\r\n`.repeat(3), '\r\n'.repeat(24)]) {
        const data = Buffer.from(`${around}\r\n`)
        data[at] = octet
        for (const from of [0, 16, at]) {
          const lines = { from, end: data.length, longest: 1000 }
          expect(scanned(data, lines), `${octet} at ${at} of ${around}`).toBe(plainly(data, lines))
        }
      }
})

test('each octet that matters at each place of four blocks of 64, from anywhere', () => {
  const around = [
    'x'.repeat(256),
    `${'x'.repeat(62)}\r\n`.repeat(4),
    `${'x'.repeat(30)}\r\n`.repeat(8),
    `${'x'.repeat(8)}\r\n`.repeat(26),
    `${'x'.repeat(75)}\r\n`.repeat(4),
  ]
  for (let at = 0; at < 256; at++)
    for (const octet of [LF, CR, DOT, NUL, 0x78])
      for (const text of around)
        for (const from of [0, 1, 40, 64, at]) {
          const data = Buffer.from(`${text}\r\nx\r\n`)
          data[at] = octet
          for (const end of [data.length, at + 1]) {
            const lines = { from: Math.min(from, end), end, longest: 100 }
            if (scanned(data, lines) !== plainly(data, lines))
              expect.fail(`${octet} at ${at} of ${text}, from ${from} to ${end}`)
          }
        }
})

test('one chunk, looked at again from where it was left', () => {
  fc.assert(
    fc.property(text, fc.integer({ min: 16, max: 100 }), (data, longest) => {
      for (let from = 0; from <= data.length; from++) {
        const lines = { from, end: data.length, longest }
        expect(endOfPlainLines(data, lines)).toBe(plainly(data, lines))
      }
      forgetChunk()
    }),
    { numRuns: 100 },
  )
})

test('the longest line may come, and one octet more may not, wherever it lies', () => {
  for (let before = 0; before < 40; before++)
    for (const over of [0, 1]) {
      for (const longest of [63, 64, 65, 128]) {
        const long = 'b'.repeat(longest + over)
        const data = Buffer.from(`${'a'.repeat(before)}\r\n${long}\r\nc\r\n${'d'.repeat(70)}`)
        const end = data.length - 70
        const lines = { from: 0, end: data.length, longest }
        expect(scanned(data, lines)).toBe(over === 0 ? end : before + 2)
      }
    }
})

test('what another chunk has left behind the end is of no text', () => {
  scanned(Buffer.from('x\r\n'.repeat(100)), { from: 0, end: 300, longest: 1000 })
  expect(scanned(Buffer.from('x\r\ny'), { from: 0, end: 4, longest: 1000 })).toBe(3)
  expect(scanned(Buffer.from('x\r'), { from: 0, end: 2, longest: 1000 })).toBe(0)
})

test('as much as the memory takes, and not more', () => {
  const all = Buffer.alloc(131_040, 'x\r\n')
  expect(canScan(all, 1000)).toBe(true)
  expect(scanned(all, { from: 0, end: all.length, longest: 1000 })).toBe(131_040)
  expect(canScan(Buffer.alloc(131_041), 1000)).toBe(false)
  expect(canScan(all, 15)).toBe(false)
})
