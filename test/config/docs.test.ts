import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../src/config/load.ts'
import { describeProblem } from '../../src/config/problem.ts'
import { documentedKeys } from '../../src/config/schema-keys.ts'
import { configurationPage } from '../../tools/config-docs.ts'

const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')

describe('docs/configuration.md', () => {
  test('is as the schema is; if not, run: node tools/config-docs.ts', () => {
    expect(page).toBe(configurationPage())
  })

  test('its examples are good configurations', () => {
    const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map((found) => found[1] ?? '')
    expect(examples.length).toBeGreaterThan(0)
    for (const example of examples) {
      const loaded = parseConfig(example, 'example.yaml')
      expect(loaded.ok ? [] : loaded.problems.map(describeProblem)).toEqual([])
      expect(loaded.ok ? loaded.warnings : []).toEqual([])
    }
  })
})

test('what can be written for a key is said in words, not in those of the schema', () => {
  const words =
    /^(?:union|literal|enum|string|number|boolean|object|record|array|unknown|any|transform|pipe|custom)$/
  expect(documentedKeys().filter(({ value }) => words.test(value))).toEqual([])
})

test('every key has a sentence that ends', () => {
  const keys = documentedKeys()
  expect(keys.length).toBeGreaterThan(60)
  for (const { key, sentence } of keys) expect(`${key}: ${sentence}`).toMatch(/\.$/)
})
