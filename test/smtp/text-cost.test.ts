/**
 * What a text costs goes with its octets, of whatever kind they are: counted are the octets that
 * native searches look at, and the pieces that leave, each of which costs as much as a long one in
 * what comes next. How long it takes is measured in docs/testing.md.
 */
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { stuffDots } from '../../src/smtp/dot-stuffing.ts'
import { TextReceiver, type TextReceiverOptions } from '../../src/smtp/text-receiver.ts'
import { runs } from '../support/properties.ts'

const kinds: readonly (readonly [string, string])[] = [
  ['ordinary lines', `${'a'.repeat(76)}\r\n`],
  ['one line without end', 'a'],
  ['empty lines', '\r\n'],
  ['lines of one octet', 'a\r\n'],
  ['dots', '..\r\n'],
  ['bare LFs', '\n'],
  ['bare CRs', '\r'],
  ['lines that end with LF', `${'a'.repeat(76)}\n`],
  ['lines that end with CR', `${'a'.repeat(76)}\r`],
  ['LF and CR in turn', '\n\r'],
  ['CR CR LF', '\r\r\n'],
  ['CRLF and CR', '\r\n\r'],
  ['LF and dots', '\n.'],
  ['NULs', '\0'],
  ['lines of NUL', '\0\r\n'],
  ['all of them', `\n${'\r'.repeat(99)}a\r\n..\r\n\0`],
]
const modes = ['reject', 'normalize'] as const
const generous: Omit<TextReceiverOptions, 'bareNewlines'> = {
  maxBytes: 1e9,
  maxLineBytes: 1e9,
  maxHeaderBytes: 1e9,
  dots: true,
}

type Search = (this: Buffer, value: unknown, from?: unknown) => number

let looked = 0
beforeEach(() => {
  looked = 0
  const native = Object.getOwnPropertyDescriptor(Buffer.prototype, 'indexOf')?.value as Search
  vi.spyOn(Buffer.prototype as Buffer, 'indexOf').mockImplementation(function (
    this: Buffer,
    value,
    from,
  ) {
    const found = native.call(this, value, from)
    looked += (found === -1 ? this.length : found + 1) - (typeof from === 'number' ? from : 0)
    return found
  })
})
afterEach(() => {
  vi.restoreAllMocks()
})

/** How many octets were looked at natively, and how many pieces left. */
function costOf(text: Buffer, chunkOctets: number, bareNewlines: 'reject' | 'normalize') {
  let pieces = 0
  const receiver = new TextReceiver({ ...generous, bareNewlines }, () => pieces++)
  looked = 0
  for (let at = 0; at < text.length; at += chunkOctets)
    receiver.push(text.subarray(at, at + chunkOctets))
  return { looked, pieces, chunks: Math.ceil(text.length / chunkOctets) }
}

describe.each(modes)('bare_newlines: %s', (mode) => {
  test.each(kinds)(
    'no octet of %s is looked at more than a few times, in chunks of any size',
    (_name, unit) => {
      for (const octets of [20_000, 140_000]) {
        const text = Buffer.alloc(octets, unit, 'latin1')
        for (const chunk of octets > 65_536 ? [1460, 65_536, octets] : [1, 100]) {
          const cost = costOf(text, chunk, mode)
          expect(cost.looked).toBeLessThanOrEqual(4 * octets + 5 * cost.chunks)
          expect(cost.pieces).toBeLessThanOrEqual(2 * cost.chunks)
        }
      }
    },
  )
})

test('whatever a text is made of, no octet is looked at more than a few times', () => {
  const run = fc.tuple(fc.constantFrom(...kinds.map(([, unit]) => unit)), fc.nat(3000))
  fc.assert(
    fc.property(
      fc.array(run, { maxLength: 12 }),
      fc.constantFrom(...modes),
      fc.nat(20_000),
      (runs, mode, chunk) => {
        const text = Buffer.concat(
          runs.map(([unit, octets]) => Buffer.alloc(octets, unit, 'latin1')),
        )
        const cost = costOf(text, chunk + 1, mode)
        expect(cost.looked).toBeLessThanOrEqual(4 * text.length + 5 * cost.chunks)
        expect(cost.pieces).toBeLessThanOrEqual(2 * cost.chunks)
      },
    ),
    { numRuns: runs(300) },
  )
})

test.each(kinds)('a chunk of %s is stuffed in few parts', (_name, unit) => {
  const { parts } = stuffDots(Buffer.alloc(65_536, unit, 'latin1'), 'lineStart')
  expect(parts.length).toBeLessThan(40)
  expect(looked).toBeLessThanOrEqual(2 * 65_536)
})
