/**
 * Every configuration in bad/ is refused for its own reason: the exact messages, with line and
 * column, are beside it.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { describeProblem } from '../../src/config/problem.ts'

const directory = join(import.meta.dirname, 'bad')
const names = readdirSync(directory).toSorted()

const problemsOf = (name: string): string => {
  const loaded = loadConfig(join(directory, name, 'config.yaml'))
  if (loaded.ok) return 'none'
  return loaded.problems
    .map((problem) => `${describeProblem({ ...problem, file: 'config.yaml' })}\n`)
    .join('')
}

test.each(names)('%s', (name) => {
  expect(problemsOf(name)).toBe(readFileSync(join(directory, name, 'expected-error'), 'utf8'))
})

test('each has a reason of its own', () => {
  const reasons = names.map((name) => readFileSync(join(directory, name, 'expected-error'), 'utf8'))
  expect(new Set(reasons).size).toBe(names.length)
  expect(names.length).toBeGreaterThanOrEqual(25)
})
