/** What is kept for readers that come back: in order, each once, and never more than fits. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EventRing } from '../../../src/admin/events/event-ring.ts'
import { frameOf, parsePosition, positionText } from '../../../src/admin/events/frame.ts'

const numbersIn = (text: string): number[] =>
  [...text.matchAll(/^id: e-(\d+)$/gm)].map(([, number]) => Number(number))

describe('the ring', () => {
  it('whoever reads in whatever steps: each event in order, or counted as lost; and never too much kept', () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ add: fc.nat(300) }),
        fc.record({ reader: fc.nat(2), octets: fc.integer({ min: 1, max: 2000 }) }),
        fc.constant({ skip: true as const }),
      ),
      { maxLength: 120 },
    )
    fc.assert(
      fc.property(steps, (script) => {
        const ring = new EventRing('e', 1000)
        const places = [0, 0, 0]
        for (const step of script) {
          if ('add' in step) ring.add({ name: 'one', data: 'x'.repeat(step.add) })
          else if ('skip' in step) ring.skip()
          else {
            const place = places[step.reader] ?? 0
            const { text, last, lost } = ring.after(place, step.octets, undefined)
            const numbers = numbersIn(text)
            expect(numbers).toEqual(numbers.map((_, i) => place + lost + 1 + i))
            expect(last).toBe(place + lost + numbers.length)
            expect(numbers.length <= 1 || text.length <= step.octets).toBe(true)
            expect(numbers.length > 0 || last === ring.last).toBe(true)
            places[step.reader] = last
          }
          expect(ring.octets).toBeLessThanOrEqual(1000)
        }
      }),
    )
  })

  it('forgets what is over its limit, and takes no more memory after a million events', () => {
    const ring = new EventRing('e', 10_000)
    for (let i = 0; i < 1_000_000; i++) ring.add({ name: 'one', data: '{}' })
    expect(ring.last).toBe(1_000_000)
    expect(ring.size).toBeLessThan(400)
    expect(ring.after(1, 100_000, undefined)).toMatchObject({ last: 1_000_000 })
  })

  it('gives only wanted names, and passes over the others', () => {
    const ring = new EventRing('e', 10_000)
    for (const name of ['a', 'b', 'a', 'b']) ring.add({ name, data: '{}' })
    const { text, last } = ring.after(0, 10_000, new Set(['b']))
    expect(numbersIn(text)).toEqual([2, 4])
    expect(last).toBe(4)
  })
})

describe('a frame', () => {
  it('no text of a stranger ends a field: what is in the data comes back, and nothing else', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (said) => {
        const frame = frameOf({ name: 'x', data: JSON.stringify({ said }) }, 'e-1')
        expect(frame.match(/\n/g)).toHaveLength(4)
        expect(frame).not.toContain('\r')
        const [, , line = ''] = frame.split('\n')
        expect(JSON.parse(line.slice('data: '.length))).toEqual({ said })
      }),
    )
  })

  it('an id is read back; anything else is none, however long', () => {
    fc.assert(
      fc.property(fc.nat(), (number) => {
        expect(parsePosition(positionText({ epoch: 'a1', number }))).toEqual({
          epoch: 'a1',
          number,
        })
      }),
    )
    for (const text of ['', '1', 'a-', '-1', 'a-1x', 'A-1', 'a--1', 'a-1.5', `a-${'9'.repeat(16)}`])
      expect(parsePosition(text)).toBeUndefined()
    expect(parsePosition(`${'a'.repeat(1_000_000)}-1`)).toBeUndefined()
  })
})
