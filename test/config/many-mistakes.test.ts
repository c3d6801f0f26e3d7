/** A file with a mistake in each of its lines is answered, and with a number of words that somebody can read. */
import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../src/config/load.ts'
import { describeProblem } from '../../src/config/problem.ts'
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

test('a file of recipients with 100,000 mistakes keeps the first ones, in words that have an end', () => {
  const names = Array.from({ length: 1000 }, (_, i) => `policy-${i}`)
  const entries = new PolicyEntries(new Map(names.map((name) => [name, { name, neverDefer: false }])))
  for (let i = 1; i <= count; i++) entries.add(i % 2 === 0 ? `a${i}@example.org: none` : 'x'.repeat(10_000), i)
  expect(entries.mistakeCount).toBe(count)
  expect(entries.mistakes.length).toBe(100)
  for (const { why } of entries.mistakes) expect(why.length).toBeLessThan(600)
})
