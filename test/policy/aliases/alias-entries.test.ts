/** A file of aliases: as YAML, or as a table of Postfix. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AliasEntries } from '../../../src/policy/aliases/alias-entries.ts'

function entriesOf(...lines: readonly string[]): AliasEntries {
  const entries = new AliasEntries()
  for (const [i, line] of lines.entries()) entries.add(line, i + 1)
  return entries
}

test.each<[line: string, key: string, to: readonly string[]]>([
  ['info@a.test: ann@a.test', 'info@a.test', ['ann@a.test']],
  ['info@a.test: ann@a.test, bob@a.test # both', 'info@a.test', ['ann@a.test', 'bob@a.test']],
  ['\'info@a.test\': [ann@a.test, "bob@a.test"]', 'info@a.test', ['ann@a.test', 'bob@a.test']],
  ['"@old.test": "@new.test"', '@old.test', ['@new.test']],
  ['info@a.test\tann@a.test bob@a.test\r', 'info@a.test', ['ann@a.test', 'bob@a.test']],
  ['@Old.test @new.test', '@old.test', ['@new.test']],
])('%j is an entry', (line, key, to) => {
  const entries = entriesOf(line)
  expect(entries.mistakes).toEqual([])
  expect(entries.lookUp(key.startsWith('@') ? `ann${key}` : key)).toEqual({
    kind: 'alias',
    key,
    to,
  })
})

test.each(['', '# info@a.test: ann@a.test', '---', '   '])('%j is none', (line) => {
  const { count, mistakeCount } = entriesOf(line)
  expect([count, mistakeCount]).toEqual([0, 0])
})

test.each<[line: string, why: RegExp]>([
  ['info@a.test:', /there is no mailbox/],
  ['info@a.test', /there is no mailbox/],
  ['  bob@a.test', /indented/],
  ['info: ann@a.test', /"info" is no address/],
  ['info+*@a.test: ann@a.test', /is no address/],
  ['info@a.test: ann', /"ann" is no mailbox/],
  ['info@a.test: "|/bin/cat"', /is no mailbox/],
  ['info@a.test: @new.test', /"@new.test" is no mailbox/],
])('recipients.md: “Rcptwise refuses a file in which it finds anything else.”: %j', (line, why) =>
  expect(entriesOf(line).mistakes).toEqual([
    { line: 1, why: expect.stringMatching(why) as string },
  ]),
)

test('an address that is there twice is a mistake', () =>
  expect(entriesOf('a@a.test: b@a.test', 'A@a.test: c@a.test').mistakes).toMatchObject([
    { line: 2, why: expect.stringContaining('in line 1') as string },
  ]))

test('each line is an entry, a mistake or nothing, whatever stands in it', () => {
  const letters = fc.constantFrom(...Array.from(`ab@.:+*#"'[], \t\r|`))
  const text = fc.string({ unit: letters, maxLength: 40 })
  fc.assert(
    fc.property(fc.array(text), (lines) => {
      const { count, mistakeCount } = entriesOf(...lines)
      expect(count + mistakeCount).toBeLessThanOrEqual(lines.length)
    }),
  )
})
