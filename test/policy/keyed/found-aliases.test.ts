/** The rows of a query for aliases. */
import { describe, expect, test } from 'vitest'
import { checkAliasColumns, FoundAliases } from '../../../src/policy/keyed/found-aliases.ts'
import { entriesIn, type Rows } from '../../../src/policy/sql/rows.ts'

const foundIn = (rows: Rows) => new FoundAliases(entriesIn(rows, checkAliasColumns))

const columns = ['recipient', 'mailbox']
const keys = ['ann@a.test', '@a.test']

test.each<[what: string, rows: readonly (readonly unknown[])[], key: string, to: string[]]>([
  ['one row', [['ann@a.test', 'bob@a.test']], 'ann@a.test', ['bob@a.test']],
  [
    'several rows',
    [
      ['ann@a.test', 'b@a.test'],
      ['ANN@a.test', 'c@a.test'],
    ],
    'ann@a.test',
    ['b@a.test', 'c@a.test'],
  ],
  [
    'several addresses in a row',
    [['ann@a.test', 'b@a.test, c@a.test']],
    'ann@a.test',
    ['b@a.test', 'c@a.test'],
  ],
  ['bytes', [[Buffer.from('ann@a.test'), Buffer.from('b@a.test')]], 'ann@a.test', ['b@a.test']],
  ['a domain, with or without the @', [['a.test', 'b.test']], '@a.test', ['@b.test']],
  [
    'the special key before the general one',
    [
      ['@a.test', 'x@a.test'],
      ['ann@a.test', 'b@a.test'],
    ],
    'ann@a.test',
    ['b@a.test'],
  ],
  [
    'NULL, and what is no address, say nothing',
    [
      ['ann@a.test', null],
      ['ann@a.test', '|cat'],
      ['@a.test', 'x@a.test'],
    ],
    '@a.test',
    ['x@a.test'],
  ],
])('%s', (_, rows, key, to) =>
  expect(foundIn({ columns, rows }).sayOf(keys)).toEqual({ kind: 'alias', key, to }),
)

test('no row is no alias', () =>
  expect(foundIn({ columns, rows: [] }).sayOf(keys)).toEqual({ kind: 'unknown' }))

describe('a query with other columns is refused', () => {
  test.each([
    [['recipient'], 'no column "mailbox"'],
    [['mailbox'], 'no column "recipient"'],
    [['recipient', 'mailbox', 'active'], 'a column "active"'],
  ])('%j', (names, why) => expect(() => foundIn({ columns: names, rows: [] })).toThrow(why))
})
