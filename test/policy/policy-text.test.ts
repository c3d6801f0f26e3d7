/** A policy in one text: a name, or values in braces. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parsePolicyText } from '../../src/policy/policy-text.ts'

describe('a text', () => {
  test.each<[string, unknown]>([
    ['strict', { policy: 'strict' }],
    [' two words ', { policy: 'two words' }],
    ['{}', {}],
    ['{ tag_at: 5 }', { tag_at: '5' }],
    ['{tag_at: 5, reject_at: never,}', { tag_at: '5', reject_at: 'never' }],
    [
      '{ spamd: { reject_at: 8 }, policy: strict }',
      { spamd: { reject_at: '8' }, policy: 'strict' },
    ],
    [
      '{ accept_senders: [a@b.example, "@c.example", *] }',
      { accept_senders: ['a@b.example', '@c.example', '*'] },
    ],
    ["{ reject_text: 'it''s, no: more' }", { reject_text: "it's, no: more" }],
    ['{ reject_text: "a \\"b\\" \\u00fc" }', { reject_text: 'a "b" ü' }],
    ['{ tag_at: null }', { tag_at: null }],
    ['{ __proto__: 1 }', JSON.parse('{ "__proto__": "1" }')],
  ])('%s', (text, columns) => expect(parsePolicyText(text)).toEqual({ ok: true, columns }))

  test.each([
    ['{', 'no key before a value'],
    ['{ a:', 'it ends within its braces'],
    ['{ tag_at', 'no colon behind tag_at'],
    ['{ tag_at 5 }', 'no colon behind tag_at'],
    ['{ tag_at: }', 'a } in place of a value'],
    ['{ : 5 }', 'no key before a value'],
    ['{ tag_at: 5 } more', 'goes on behind its braces'],
    ['{ tag_at: "5 }', 'a quote that does not end'],
    ['{ tag_at: "\\q" }', 'an escape that is not known'],
    ['{ a: [1 2] }', 'no ] or comma'],
    [`{ a: ${'['.repeat(10_000)}`, 'too many braces or brackets'],
  ])('%s: %s', (text, why) =>
    expect(parsePolicyText(text)).toEqual({
      ok: false,
      why: expect.stringContaining(why) as string,
    }),
  )
})

test('JSON is such a text', () => {
  const value = fc.oneof(
    fc.string(),
    fc.array(fc.string()),
    fc.dictionary(fc.string(), fc.string()),
  )
  fc.assert(
    fc.property(fc.dictionary(fc.string(), value), (columns) => {
      expect(parsePolicyText(JSON.stringify(columns))).toEqual({ ok: true, columns })
    }),
  )
})

test('whatever stands in it, it is columns or a mistake', () => {
  const mark = fc.constantFrom('{', '}', '[', ']', ',', ':', '"', "'", '\\', ' ', 'a', 'ü', '\n')
  fc.assert(
    fc.property(fc.string({ unit: mark }), (text) => {
      expect(typeof parsePolicyText(`{${text}`).ok).toBe('boolean')
    }),
  )
})
