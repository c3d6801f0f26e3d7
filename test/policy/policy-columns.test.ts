import fc from 'fast-check'
import { expect, test } from 'vitest'
import { knownKeys } from '../../src/config/schema-keys.ts'
import { mostEntries } from '../../src/policy/policy-notation.ts'
import { columnNames, type Columns, valuesFrom } from '../../src/policy/policy-columns.ts'

test('a source can say all that a policy of the configuration can say, in the same words', () =>
  expect(columnNames.toSorted()).toEqual(
    knownKeys(['policies', 'any'])
      .flatMap((key) => {
        const within = knownKeys(['policies', 'any', key])
        return within.length === 0 ? [key] : within.map((inner) => `${key}_${inner}`)
      })
      .toSorted(),
  ))

test.each<[string, Columns, object]>([
  ['nothing', {}, {}],
  ['NULL says nothing', { tag_at: null, never_defer: undefined }, {}],
  ['numbers', { tag_at: 5, reject_at: 8.5 }, { tagAt: 5, rejectAt: 8.5 }],
  ['decimals as text', { tag_at: '5.000', reject_at: ' -1 ' }, { tagAt: 5, rejectAt: -1 }],
  ['bigints', { tag_at: 5n }, { tagAt: 5 }],
  ['never', { reject_at: 'NEVER' }, { rejectAt: 'never' }],
  ['a boolean', { never_defer: true }, { neverDefer: true }],
  ['a TINYINT', { never_defer: 0 }, { neverDefer: false }],
  [
    'columns of a further scorer',
    { spamd_tag_at: 4, spamd_reject_at: 8, rspamd_defer_at: '9' },
    { scorers: { spamd: { tagAt: 4, rejectAt: 8 }, rspamd: { deferAt: 9 } } },
  ],
  [
    'lists as arrays, as text and as JSON',
    {
      accept_senders: ['Ann@Example.NET', '@example.com'],
      refuse_senders: 'example.org, *@b.example;*',
      reject_symbols: '["A","B"]',
      tag_symbols: '',
    },
    {
      acceptSenders: ['ann@example.net', '@example.com'],
      refuseSenders: ['@example.org', '@b.example', '*'],
      rejectSymbols: ['A', 'B'],
      tagSymbols: [],
    },
  ],
  [
    'as many senders as a list may have',
    { accept_senders: '@example.net '.repeat(mostEntries) },
    { acceptSenders: Array.from({ length: mostEntries }, () => '@example.net') },
  ],
  ['a size', { max_size: '10485760' }, { maxSizeBytes: 10_485_760 }],
  [
    'words and a group',
    { reject_text: 'Bürozeiten', group: 'own' },
    { rejectText: 'Bürozeiten', group: 'own' },
  ],
  ['the same in JSON', { spamd: { reject_at: 8 } }, { scorers: { spamd: { rejectAt: 8 } } }],
  ["amavis' Y and N", { never_defer: 'Y' }, { neverDefer: true }],
])('%s', (_, row, values) =>
  expect(valuesFrom(row)).toEqual({ ok: true, value: { kind: 'values', ...values } }),
)

test('all that is wrong is told, each with what was there', () =>
  expect(valuesFrom({ tag_at: 'high', never_defer: 2, rejct_at: 8, reject_at: NaN })).toEqual({
    ok: false,
    mistakes: [
      { key: 'tag_at', why: 'got "high", expected a number or never' },
      { key: 'never_defer', why: 'got 2, expected true or false' },
      { key: 'rejct_at', why: 'is nothing that a policy can say' },
      { key: 'reject_at', why: 'got NaN, expected a number or never' },
    ],
  }))

test.each<[string, Columns]>([
  ['a sender with a blank', { accept_senders: ['a b@example.net'] }],
  ['a sender without a domain', { accept_senders: ['ann'] }],
  ['one sender too many', { accept_senders: '@example.net '.repeat(mostEntries + 1) }],
  ['one symbol too many', { tag_symbols: Array.from({ length: mostEntries + 1 }, () => 'A') }],
  ['half a list', { refuse_senders: '["a@example.net"' }],
  ['a list of numbers', { refuse_senders: [1] }],
  ['a symbol with a line end', { reject_symbols: ['A\r\n'.repeat(2)] }],
  ['a size of none', { max_size: 0 }],
  ['half an octet', { max_size: 1.5 }],
  ['two lines', { reject_text: 'a\r\n250 b' }],
  ['too many words', { reject_text: 'ü'.repeat(201) }],
  ['another group', { group: 'mine' }],
])('%s is a mistake', (_, row) => expect(valuesFrom(row)).toMatchObject({ ok: false }))

test('nothing that a row can hold throws', () =>
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.oneof(fc.constantFrom(...columnNames), fc.string()),
        fc.anything({ withNullPrototype: true }),
      ),
      (row) => typeof valuesFrom(row).ok === 'boolean',
    ),
  ))
