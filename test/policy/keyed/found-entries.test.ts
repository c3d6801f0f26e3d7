import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkPolicyColumns, FoundEntries } from '../../../src/policy/keyed/found-entries.ts'
import { tableKeys } from '../../../src/policy/keyed/keys.ts'
import { keyLists } from '../../../src/policy/sql/key-lists.ts'
import { entriesIn, type Rows } from '../../../src/policy/sql/rows.ts'

const names = ['recipient', 'policy', 'tag_at', 'reject_at', 'never_defer']
type Row = readonly unknown[]

const foundIn = (rows: Rows) => new FoundEntries(entriesIn(rows, checkPolicyColumns))
const says = (recipient: string, ...rows: readonly Row[]) =>
  foundIn({ columns: names, rows }).sayOf(tableKeys(recipient))

describe('the keys of a recipient', () => {
  test.each([
    ['Ann@Example.org', ['ann@example.org', '@example.org']],
    ['ann+Tag+x@example.org', ['ann+tag+x@example.org', 'ann@example.org', '@example.org']],
    ['+tag@example.org', ['+tag@example.org', '@example.org']],
    ['postmaster', ['postmaster']],
    ['nul\0@example.org', ['@example.org']],
    ['\ud800@example.org', ['@example.org']],
    [`${'x'.repeat(512)}@example.org`, ['@example.org']],
    ['@', []],
    ['', []],
  ])('%j', (recipient, keys) => expect(tableKeys(recipient)).toEqual(keys))

  test('each is asked once, and by its kind', () =>
    expect(
      keyLists(['ann+x@example.org', 'ann@example.org', 'bob@example.org'].flatMap(tableKeys)),
    ).toEqual({
      keys: ['ann+x@example.org', 'ann@example.org', '@example.org', 'bob@example.org'],
      addresses: ['ann+x@example.org', 'ann@example.org', 'bob@example.org'],
      domains: ['example.org'],
    }))
})

describe('what the rows say of ann+x@example.org', () => {
  test.each<[string, readonly Row[], unknown]>([
    ['no row', [], { kind: 'unknown' }],
    ["somebody else's", [['bob@example.org', 'strict', 1, 2, 1]], { kind: 'unknown' }],
    [
      'a name',
      [['ann@example.org', 'strict', null, null, null]],
      { kind: 'named', name: 'strict' },
    ],
    [
      'values',
      [['ann@example.org', null, 1, 2, 1]],
      { kind: 'values', tagAt: 1, rejectAt: 2, neverDefer: true },
    ],
    [
      'NULL is as in the more general row',
      [
        ['@example.org', null, 5, 20, 0],
        ['ann@example.org', null, null, 9, null],
        ['ann+x@example.org', null, 1, null, null],
      ],
      {
        kind: 'values',
        tagAt: 1,
        behind: {
          kind: 'values',
          rejectAt: 9,
          behind: { kind: 'values', neverDefer: false },
        },
      },
    ],
    [
      'and open where no row says it',
      [['ann@example.org', null, 1, null, null]],
      { kind: 'values', tagAt: 1, open: ['rejectAt', 'neverDefer'] },
    ],
    [
      'a name in a more general row stands behind values of a special one',
      [
        ['@example.org', 'strict', 7, null, null],
        ['ann@example.org', null, 1, null, null],
      ],
      { kind: 'values', tagAt: 1, behind: { kind: 'named', name: 'strict' } },
    ],
    [
      'values of a more general row do not change a name',
      [
        ['@example.org', null, 7, 8, 1],
        ['ann@example.org', 'strict', null, null, null],
      ],
      { kind: 'named', name: 'strict' },
    ],
    [
      'of two rows with one key the first one that has a value',
      [
        ['ann@example.org', null, null, 2, null],
        ['ann@example.org', null, 5, 6, null],
      ],
      { kind: 'values', rejectAt: 2, behind: { kind: 'values', tagAt: 5 }, open: ['neverDefer'] },
    ],
    ['nothing but NULL', [['ann@example.org', null, null, '', ' ']], { kind: 'unknown' }],
    ['no key', [[null, 'strict', null, null, null]], { kind: 'unknown' }],
    ['another case', [['Ann@EXAMPLE.org', 'strict']], { kind: 'named', name: 'strict' }],
    ['a domain without @', [['example.org', 'strict']], { kind: 'named', name: 'strict' }],
    [
      'columns of bytes',
      [[Buffer.from('ann@example.org'), Buffer.from('strict')]],
      { kind: 'named', name: 'strict' },
    ],
    [
      'decimals as text, and words for yes and no',
      [['ann@example.org', null, '6.310', 'never', 'Y']],
      { kind: 'values', tagAt: 6.31, rejectAt: 'never', neverDefer: true },
    ],
    [
      'a bigint',
      [['ann@example.org', null, 6n, null, 0]],
      { kind: 'values', tagAt: 6, neverDefer: false, open: ['rejectAt'] },
    ],
    [
      'a threshold that is none',
      [['ann@example.org', null, 'six', null, null]],
      { kind: 'wrong', why: 'tag_at: got "six", expected a number or never' },
    ],
    [
      'neither yes nor no',
      [['ann@example.org', null, null, null, 'perhaps']],
      { kind: 'wrong', why: 'never_defer: got "perhaps", expected true or false' },
    ],
    [
      'what stands in a row that is not needed',
      [
        ['ann@example.org', null, 1, 2, 1],
        ['@example.org', null, 'six', null, null],
      ],
      { kind: 'values', tagAt: 1, rejectAt: 2, neverDefer: true },
    ],
  ])('%s', (_, rows, expected) => expect(says('ann+x@example.org', ...rows)).toEqual(expected))
})

test.each([
  [['policy'], 'the query has no column "recipient"'],
  [
    ['recipient', 'policy', 'spam_level'],
    'the query has a column "spam_level", expected some of recipient, policy',
  ],
])('columns %j: %s', (columns, why) => expect(() => foundIn({ columns, rows: [] })).toThrow(why))

test('columns are known in capitals, too', () =>
  expect(
    foundIn({ columns: ['RECIPIENT', 'TAG_AT'], rows: [['a@b.example', 3]] }).sayOf([
      'a@b.example',
    ]),
  ).toEqual({ kind: 'values', tagAt: 3 }))

test('however many rows a key has, each recipient costs no more than the columns have', () => {
  let read = 0
  const row = new Proxy<unknown[]>(['@example.org', null, 5, null, null], {
    get(cells, key) {
      read++
      return Reflect.get(cells, key) as unknown
    },
  })
  const found = foundIn({ columns: names, rows: Array.from({ length: 1000 }, () => row) })
  read = 0
  for (let i = 0; i < 100; i++)
    expect(found.sayOf([`u${i}@example.org`, '@example.org'])).toMatchObject({ tagAt: 5 })
  expect(read).toBeLessThanOrEqual(100 * names.length ** 2)
})

test('whatever stands in a row, it is a policy, nothing, or wrong', () => {
  const anything = fc.oneof(
    fc.constant(null),
    fc.anything(),
    fc.string(),
    fc.double(),
    fc.uint8Array(),
    fc.bigInt(),
  )
  fc.assert(
    fc.property(fc.array(fc.array(anything, { maxLength: 5 })), (rows) => {
      const found = says('a@b.example', ...rows.map((row) => ['a@b.example', ...row]))
      if (found.kind !== 'values') return
      for (const value of [found.tagAt, found.rejectAt])
        expect(value === undefined || value === 'never' || Number.isFinite(value)).toBe(true)
    }),
  )
})
