/** What is packed comes back, small, and what is damaged is known to be. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  attemptsIn,
  mostTextBytes,
  packed,
  textOf,
  unpacked,
  writtenOf,
} from '../../src/history/batch-text.ts'
import { attempt, to, waits } from './samples.ts'

const one = attempt({
  split: 'ABCDEFGHIJKLMNOP',
  recipients: [to('ann@example.org'), to('bob@example.org', waits)],
  messageId: '<1.ä€𝄞\n\0"@sender.example>',
})

test('attempts come back as they were, whatever stands in them', () => {
  const { text } = writtenOf([one, attempt(), one])
  expect(text.split('\n')).toHaveLength(3)
  expect(attemptsIn(text)).toEqual([one, attempt(), one])
  expect(unpacked(packed(text))?.join('\n')).toBe(text)
})

test('any lines come back', () => {
  const line = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\n', ''))
  fc.assert(
    fc.property(fc.array(line, { minLength: 1 }), (lines) => {
      expect(unpacked(packed(textOf(lines)))).toEqual(lines)
    }),
  )
})

test('an attempt of its own takes less than half of its text, and one of many a fifth', () => {
  const { text } = writtenOf([one])
  expect(packed(text).length).toBeLessThan(text.length / 2)
  const many = writtenOf(
    Array.from({ length: 64 }, (_, n) =>
      attempt({
        transaction: `abcdefghijkl${n}.1`,
        recipients: [to(`firstname.lastname${n * 7919}@example.org`)],
        reversePath: `someone${n * 104_729}@sender${n}.example`,
        messageId: `<${n * 1_299_709}@sender.example>`,
      }),
    ),
  )
  expect(packed(many.text).length).toBeLessThan(many.text.length / 5)
})

test('an octet that is another one, or the end that is missing: it is damaged', () => {
  const whole = packed(writtenOf([one, one]).text)
  for (let at = 0; at < whole.length; at++) {
    const changed = Uint8Array.from(whole)
    changed[at] = (changed[at] ?? 0) ^ 0x10
    expect(unpacked(changed)).toBeUndefined()
    expect(unpacked(whole.subarray(0, at))).toBeUndefined()
  }
})

test('what becomes more than a batch can be is as good as damaged, and takes no room', () => {
  const text = writtenOf([one]).text
  expect(unpacked(packed(text), Buffer.byteLength(text))?.join('\n')).toBe(text)
  expect(unpacked(packed(text), Buffer.byteLength(text) - 1)).toBeUndefined()
  expect(unpacked(packed('\0'.repeat(mostTextBytes + 1)))).toBeUndefined()
})
