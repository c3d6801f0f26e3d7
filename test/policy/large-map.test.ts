import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LargeMap } from '../../src/policy/large-map.ts'
import { runs } from '../support/properties.ts'

test('property: it holds what a map holds', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string(), fc.integer())), fc.string(), (entries, other) => {
      const [map, large] = [new Map<string, number>(), new LargeMap<number>()]
      for (const [key, value] of entries) {
        expect(large.has(key)).toBe(map.has(key))
        map.set(key, value)
        large.set(key, value)
      }
      expect(large.size).toBe(map.size)
      for (const key of [...map.keys(), other]) expect(large.get(key)).toBe(map.get(key))
    }),
    { numRuns: runs(500) },
  )
})
