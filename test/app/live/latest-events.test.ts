/** What is kept of what has happened: what is seldom, the latest, and never more than fits. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LatestEvents, mostCharacters, mostEvents } from '../../../src/app/live/latest-events.ts'

test('what seldom happens is kept, the last one first, and mail is not', () => {
  const latest = new LatestEvents()
  latest.add({ name: 'backendEjected', data: '1' })
  latest.add({ name: 'transactionEnded', data: '2' })
  latest.add({ name: 'splitOpened', data: '3' })
  latest.add({ name: 'backendReturned', data: '4' })
  expect(latest.latest(10)).toEqual(['4', '1'])
  expect(latest.latest(1)).toEqual(['4'])
})

test('however many and however large they are, the latest that fit are kept', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: mostCharacters / 4 }), { maxLength: 300 })
  fc.assert(
    fc.property(sizes, (lengths) => {
      const latest = new LatestEvents()
      const all = lengths.map((length, i) => `${i} `.padEnd(length, 'x'))
      for (const data of all) latest.add({ name: 'configKept', data })
      const kept = latest.latest(mostEvents + 1)
      expect(kept.length).toBeLessThanOrEqual(mostEvents)
      expect(kept.join('').length).toBeLessThanOrEqual(mostCharacters)
      expect(kept).toEqual(all.slice(all.length - kept.length).reverse())
      const next = all.at(-kept.length - 1)
      if (next !== undefined && kept.length < mostEvents)
        expect(kept.join('').length + next.length).toBeGreaterThan(mostCharacters)
    }),
    { numRuns: 50 },
  )
})
