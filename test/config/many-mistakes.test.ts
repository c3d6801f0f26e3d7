/**
 * A file with a mistake in each of its lines is answered, and with a number of words that somebody
 * can read.
 */
import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../src/config/load.ts'
import { deepestNesting } from '../../src/config/nesting.ts'
import { describeProblem } from '../../src/config/problem.ts'
import { readYaml } from '../../src/config/yaml-text.ts'
import { PolicyEntries } from '../../src/policy/policy-entries.ts'

const lines = (count: number, line: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => line(i)).join('\n')
const count = 100_000

describe('a configuration', () => {
  test.each([
    ['unknown keys', (n: number) => lines(n, (i) => `key${i}: 1`)],
    ['unknown keys in a section', (n: number) => `limits:\n${lines(n, (i) => `  key${i}: 1`)}`],
    ['the same key again and again', (n: number) => lines(n, () => 'hostname: a.example')],
    ['addresses that are none', (n: number) => `listen:\n${lines(n, () => '  - x')}`],
    ['servers that are none', (n: number) => `backend: { servers: [${'a b,'.repeat(n)}] }`],
    ['aliases without an anchor', (n: number) => `listen: [${'*a,'.repeat(n)}]`],
    ['open brackets', (n: number) => `listen: ${'['.repeat(n)}`],
    ['open braces', (n: number) => `listen: ${'{'.repeat(n)}`],
    ['open brackets and braces', (n: number) => '[{'.repeat(n)],
    ['maps in flow', (n: number) => '{a: '.repeat(n)],
    ['keys that are maps', (n: number) => '? '.repeat(n)],
    ['lists in lists', (n: number) => '- '.repeat(n)],
    ['lists that are keys', (n: number) => '? - '.repeat(n)],
    ['lists, each indented more', (n: number) => lines(n / 100, (i) => `${' '.repeat(i)}-`)],
    ['maps, each indented more', (n: number) => lines(n / 100, (i) => `${' '.repeat(i)}a:`)],
    ['more text than any configuration', (n: number) => '# '.repeat(n * 50)],
  ])('of 100,000 %s is answered, and names 50 at most', { timeout: 300_000 }, (_name, textOf) => {
    const loaded = parseConfig(textOf(count), 'config.yaml')
    const told = loaded.ok ? [] : loaded.problems.map(describeProblem)
    expect(told.length).toBeGreaterThan(0)
    expect(told.length).toBeLessThanOrEqual(51)
    for (const line of told) expect(line.length).toBeLessThan(1000)
    if (told.length === 51) expect(told.at(-1)).toMatch(/^config\.yaml: and [0-9]+ more$/)
  })

  test('the first mistakes are those that come first in the file', () => {
    const loaded = parseConfig(
      lines(200, (i) => `key${i}: 1`),
      'config.yaml',
    )
    const told = loaded.ok ? [] : loaded.problems.map(({ key }) => key)
    expect(told).toEqual([...Array.from({ length: 50 }, (_, i) => `key${i}`), ''])
  })
})

describe('lists and maps in one another', () => {
  const told = (text: string): readonly string[] => {
    const read = readYaml(text, 'config.yaml')
    return read.ok ? [] : read.problems.map(describeProblem)
  }
  const deepest = deepestNesting

  test.each([
    ['brackets', (n: number) => `${'['.repeat(n)}1${']'.repeat(n)}`],
    ['braces', (n: number) => `${'{a: '.repeat(n)}1${'}'.repeat(n)}`],
    ['lists on a line', (n: number) => `${'- '.repeat(n)}1`],
    ['keys on a line', (n: number) => `${'? '.repeat(n)}1`],
    [
      'maps of more and more indentation',
      (n: number) => `${lines(n, (i) => `${' '.repeat(i)}a:`)} 1`,
    ],
    [
      'lists of more and more indentation',
      (n: number) => `${lines(n, (i) => `${' '.repeat(i)}-`)} 1`,
    ],
  ])(
    'configuration.md: “Rcptwise refuses a file longer than 4 MiB, or with more than 32 lists and maps in one another.” (%s)',
    (_name, textOf) => {
      expect(told(textOf(deepest))).toEqual([])
      expect(told(textOf(deepest + 1))).toEqual([
        expect.stringContaining('more than 32 lists and maps in one another'),
      ])
    },
  )

  test('the place is named where it becomes too deep, and what to do', () => {
    expect(told(`hostname: a\nlisten:\n  ${'['.repeat(100)}`)).toEqual([
      'config.yaml:3:34: has more than 32 lists and maps in one another up to here; look for a "[" or "{" that is not closed, and put a value that consists of [ { ? or - in quotes',
    ])
  })

  const many = '[{'.repeat(deepest)
  test.each([
    ['in double quotes', `hostname: "${many}"`],
    ['in single quotes', `hostname: '${many}'`],
    ['with an escaped quote before them', `hostname: "\\"${many}"`],
    ['with a doubled quote before them', `hostname: '''${many}'`],
    ['in a comment', `a: 1 # ${many}`],
    ['in a comment between the entries of a list', `a: [ # ${many}\n 1]`],
    ['in the middle of a word', `a: b${many}`],
    ['in a text of several lines', `a: |\n  ${many}\n  ${'? '.repeat(deepest)}`],
    ['closed before the next', `a: [${'[], {}, '.repeat(deepest)}]`],
  ])('brackets %s open nothing', (_name, text) => {
    expect(told(text)).toEqual([])
  })
})

test('a file of recipients with 100,000 mistakes keeps the first ones, in words that have an end', () => {
  const names = Array.from({ length: 1000 }, (_, i) => `policy-${i}`)
  const entries = new PolicyEntries(names)
  for (let i = 1; i <= count; i++)
    entries.add(i % 2 === 0 ? `a${i}@example.org: none` : 'x'.repeat(10_000), i)
  expect(entries.mistakeCount).toBe(count)
  expect(entries.mistakes.length).toBe(100)
  for (const { why } of entries.mistakes) expect(why.length).toBeLessThan(600)
})
