/** Values and labels in the text of /metrics. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { labelsText, named, putNumber, valuesIn } from '../../src/metrics/text-lines.ts'
import { runs } from '../support/properties.ts'

const written = (value: number): string => {
  const octets = Buffer.alloc(64, 'x')
  const length = putNumber(octets, 3, value)
  expect(octets[3 + length], 'nothing is written behind it').toBe(0x78)
  return octets.toString('latin1', 3, 3 + length)
}

it('a number is written as JavaScript writes it', () => {
  const border = fc.constantFrom(0, 9, 10, 99, 100, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 1e21, -0, -1)
  const numbers = fc.oneof(
    border,
    fc.nat(),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  )
  fc.assert(
    fc.property(numbers, (value) => {
      expect(written(value)).toBe(String(value))
    }),
    { numRuns: runs(2000) },
  )
})

it('what is no number, or beyond all, as Prometheus does', () => {
  expect([NaN, Infinity, -Infinity].map(written)).toEqual(['NaN', '+Inf', '-Inf'])
})

it('the values of labels are read from their text', () => {
  const values = fc.array(
    fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[\\n",=]*$/)),
    {
      maxLength: 3,
    },
  )
  fc.assert(
    fc.property(values, (all) => {
      const names = ['peer', 'strategy', 'where'].slice(0, all.length)
      const text = labelsText(names, all)
      expect(valuesIn(text)).toEqual(all)
      expect(named('x_total', names, all)).toBe(text === '' ? 'x_total' : `x_total{${text}}`)
    }),
    { numRuns: runs(500) },
  )
})
