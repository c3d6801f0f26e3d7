import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..', '..')
const page = readFileSync(join(root, 'docs', 'rules.md'), 'utf8')
const rules = [...page.matchAll(/^(\d+)\. \*\*/gm)].map(([, number]) => Number(number))

test('rules.md: “The tests in test/rules/ hold the rules, one file a rule”', () => {
  expect(rules).toEqual(rules.map((_, i) => i + 1))
  expect(rules.length).toBeGreaterThanOrEqual(9)
  for (const rule of rules)
    expect(existsSync(join(root, 'test', 'rules', `rule-${rule}.test.ts`)), `${rule}`).toBe(true)
})
