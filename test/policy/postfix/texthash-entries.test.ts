/** A table as `texthash:` and `postmap` read it. */
import { expect, test } from 'vitest'
import { aliasMapValues, policyMapValues } from '../../../src/policy/postfix/map-values.ts'
import type { MapLines } from '../../../src/policy/postfix/map-lines.ts'
import { TexthashEntries } from '../../../src/policy/postfix/texthash-entries.ts'

const filled = <Found>(entries: MapLines<Found>, text: string): MapLines<Found> => {
  for (const [i, line] of text.split('\n').entries()) entries.add(line, i + 1)
  entries.end()
  return entries
}
const policies = (text: string) =>
  filled(new TexthashEntries(policyMapValues(['strict', 'careful'])), text)
const aliases = (text: string) => filled(new TexthashEntries(aliasMapValues), text)

test.each<[what: string, text: string, recipient: string, expected: unknown]>([
  ['a name', 'ann@example.org strict', 'Ann+x@example.org', { kind: 'named', name: 'strict' }],
  ['tabs', 'ann@example.org\t \tstrict\t', 'ann@example.org', { kind: 'named', name: 'strict' }],
  ['a domain', '@example.org strict', 'ann@example.org', { kind: 'named', name: 'strict' }],
  [
    'a domain as in access(5)',
    'Example.org strict',
    'a@example.org',
    { kind: 'named', name: 'strict' },
  ],
  ['CRLF', 'ann@example.org strict\r', 'ann@example.org', { kind: 'named', name: 'strict' }],
  [
    'a line that goes on, with a comment and an empty line in between',
    'ann@example.org\n# no\n\n  { tag_at: 4,\n\treject_at: 9 }\n@example.org strict',
    'ann@example.org',
    { kind: 'values', tagAt: 4, rejectAt: 9 },
  ],
  [
    'values over a name',
    'ann@example.org { policy: strict, tag_at: 4 }',
    'ann@example.org',
    { kind: 'values', tagAt: 4, behind: { kind: 'named', name: 'strict' } },
  ],
  ['a key ends at its first blank', '"a b"@example.org strict', 'x@example.org', undefined],
  [
    'of two the first',
    'ann@example.org strict\nANN@example.org careful',
    'ann@example.org',
    { kind: 'named', name: 'strict' },
  ],
  ['nobody', 'ann@example.org strict', 'bob@example.org', { kind: 'unknown' }],
  ['no line at all', '# nothing\n\n', 'bob@example.org', { kind: 'unknown' }],
])('%s', (_, text, recipient, expected) => {
  const entries = policies(text)
  if (expected === undefined) expect(entries.mistakeCount).toBe(1)
  else {
    expect(entries.mistakes).toEqual([])
    expect(entries.lookUp(recipient)).toEqual(expected)
  }
})

test.each([
  ['ann@example.org', 1, 'expected a key, blanks and a value'],
  ['ok@example.org strict\n\n  more\n \n# x\n', 1, 'there is no policy "strict  more"'],
  ['  ann@example.org strict', 1, 'begins with a blank'],
  [
    'ok@example.org strict\n\nann@example.org lenient',
    3,
    'there is no policy "lenient", expected one of strict, careful',
  ],
  ['ann strict', 1, '"ann" is no address'],
  ['ann@example.org: strict', 1, '"ann@example.org:" ends with a colon'],
  ['ann@example.org { tag_at: six }', 1, 'tag_at: got "six", expected a number or never'],
  ['ann@example.org { tag_at: 9, reject_at: 5 }', 1, 'reject_at: got 5, expected at least tag_at'],
  ['ann@example.org { tag_at: 9', 1, 'no } or comma'],
  ['ann@example.org {}', 1, 'says nothing'],
  ['ann@example.org { colour: red }', 1, 'is nothing that a policy can say'],
])('%j is a mistake in line %d: %s', (text, line, why) =>
  expect(policies(text).mistakes).toEqual([{ line, why: expect.stringContaining(why) as string }]),
)

test('of aliases: mailboxes with blanks or commas, a domain for a domain', () => {
  const entries = aliases(
    'info@example.org ann@example.org,\n  bob@example.org\n@old.example @example.org',
  )
  expect(entries.lookUp('info+x@example.org')).toEqual({
    kind: 'alias',
    key: 'info@example.org',
    to: ['ann@example.org', 'bob@example.org'],
  })
  expect(entries.lookUp('ann@old.example')).toMatchObject({ to: ['@example.org'] })
  expect(aliases('info@example.org |cat').mistakes).toEqual([
    { line: 1, why: '"|cat" is no mailbox, expected user@example.org' },
  ])
})

test('a file that is none has its first mistakes told', () => {
  const entries = policies('nonsense\n'.repeat(10_000))
  expect(entries.mistakeCount).toBe(10_000)
  expect(entries.mistakes.length).toBe(100)
})
