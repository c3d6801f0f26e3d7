/** The filter of a search, with what strangers write in it. */
import fc from 'fast-check'
import { FilterParser } from 'ldapts'
import { expect, test } from 'vitest'
import { filterFor, filterMistake } from '../../../src/policy/ldap/filter.ts'

test('a key is a value, and nothing else of the filter, whatever stands in it', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1 }), (keys) => {
      const text = filterFor('(mail={key})', keys)
      const filter = FilterParser.parseString(text)
      const each =
        keys.length === 1 ? [filter] : (filter as unknown as { filters: unknown[] }).filters
      expect(each).toHaveLength(keys.length)
      for (const [i, one] of each.entries())
        expect(one).toMatchObject({ attribute: 'mail', value: keys[i] })
    }),
  )
})

test.each([
  ['a*b', 'a\\2ab'],
  ['a(b)', 'a\\28b\\29'],
  ['a\\b', 'a\\5cb'],
  ['a\0b', 'a\\00b'],
  ['{key}$&', '{key}$&'],
])('%j', (key, escaped) => expect(filterFor('(mail={key})', [key])).toBe(`(mail=${escaped})`))

test.each([
  ['(mail={key})', undefined],
  ['(&(objectClass=x)(|(mail={key})(alias={key})))', undefined],
  ['(mail=x)', 'has no {key}'],
  ['mail={key}', 'is not one filter in parentheses'],
  ['(mail={key}))', 'is not one filter in parentheses'],
  ['((mail={key})', 'is not one filter in parentheses'],
  ['(mail={key})(objectClass=*)', 'is not one filter in parentheses'],
])('%s: %s', (filter, why) => {
  if (why === undefined) expect(filterMistake(filter)).toBeUndefined()
  else expect(filterMistake(filter)).toContain(why)
})
