import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseQuery } from '../../../src/policy/sql/query.ts'

/** The text with each list in braces. */
const read = (text: string): string =>
  parseQuery(text)
    .pieces.map((piece) => (typeof piece === 'string' ? piece : `{${piece.list}}`))
    .join('')

describe('lists are found where they are parameters', () => {
  test.each([
    ['a IN (:keys)', 'a IN ({keys})'],
    ['a IN (:addresses) OR b IN (:domains)', 'a IN ({addresses}) OR b IN ({domains})'],
    [':keys', '{keys}'],
    [':keys :keys', '{keys} {keys}'],
    ["':keys' :keys", "':keys' {keys}"],
    ["'it''s :keys' :keys", "'it''s :keys' {keys}"],
    ['":keys" `:keys` :keys', '":keys" `:keys` {keys}'],
    ['-- :keys\n:keys', '-- :keys\n{keys}'],
    ['/* :keys */ :keys', '/* :keys */ {keys}'],
    ['$$ :keys $$ :keys', '$$ :keys $$ {keys}'],
    ['a::text :keys', 'a::text {keys}'],
    ['a[1:2] @x := 3 :keys', 'a[1:2] @x := 3 {keys}'],
    [":keys 'not closed :keys", "{keys} 'not closed :keys"],
  ])('%s', (text, expected) => expect(read(text)).toBe(expected))
})

test.each([
  ['SELECT 1', 'has none of :keys, :addresses, :domains'],
  ["SELECT ':keys'", 'has none of'],
  ['a = :address', 'has no parameter :address, expected one of :keys, :addresses'],
  ['a = :KEYS', 'has no parameter :KEYS'],
  ['a = :keys_', 'has no parameter :keys_'],
])('%s: %s', (text, why) => expect(() => parseQuery(text)).toThrow(why))

test('what is no list stays as it was written', () => {
  const piece = fc.constantFrom("'", '"', '`', '--', '\n', '/*', '*/', '$$', '::', 'a', ' ', '1:2')
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const text = `:keys ${pieces.join('')}`
      expect(read(text)).toBe(`{keys} ${pieces.join('')}`)
    }),
  )
})
