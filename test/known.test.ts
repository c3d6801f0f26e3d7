import fc from 'fast-check'
import { expect, test } from 'vitest'
import { known } from '../src/known.ts'

test('what has no value is not there, all else is as it was and in its order', () => {
  expect(Object.entries(known({ a: 0, b: undefined, c: '', d: false, e: null, f: [] }))).toEqual([
    ['a', 0],
    ['c', ''],
    ['d', false],
    ['e', null],
    ['f', []],
  ])
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.stringMatching(/^[a-z]{1,5}$/),
        fc.option(fc.anything(), { nil: undefined }),
      ),
      (all) => {
        const left = Object.entries(all).filter(([, value]) => value !== undefined)
        expect(Object.entries(known(all))).toEqual(left)
      },
    ),
  )
})
