/** What the page shows, in its address: any address may be opened. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { changed, hashOf, placeIn, viewNames } from '../../src/console/place.ts'

const values = fc.string({ minLength: 1 })

test('a place that is written into an address is the same when it is read', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...viewNames),
      fc.dictionary(fc.string({ minLength: 1 }), values),
      (view, state) => {
        const place = { view, state: new Map(Object.entries(state)) }
        expect(placeIn(hashOf(place))).toEqual(place)
      },
    ),
  )
})

test('any text is an address of some view', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(viewNames).toContain(placeIn(`#${text}`).view)
    }),
  )
})

test('an empty value takes the word away, and the others stay', () => {
  const place = placeIn('#/splits?q=a%26b&sort=-last')
  expect(hashOf(changed(place, { q: '' }))).toBe('#/splits?sort=-last')
  expect(hashOf(changed(place, { id: 'x' }))).toBe('#/splits?q=a%26b&sort=-last&id=x')
})
