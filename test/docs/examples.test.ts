/** Configurations in the documents are what this version takes. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../src/config/load.ts'
import { describeProblem } from '../../src/config/problem.ts'

const root = join(import.meta.dirname, '..', '..')
const below = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name))
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'grafana/README.md',
  ...below('docs'),
]
const textOf = (page: string): string => readFileSync(join(root, page), 'utf8')

const examples = pages.flatMap((page) =>
  [...textOf(page).matchAll(/^( *)```yaml\n([\s\S]*?)^ *```$/gm)].map((match, i) => {
    const indent = match[1] ?? ''
    const yaml = (match[2] ?? '')
      .split('\n')
      .map((line) => line.replace(indent, ''))
      .join('\n')
    return { name: `${page}, example ${i + 1}`, yaml }
  }),
)
const keys =
  /^(?:hostname|listen|tls|backend|policies|recipients|judge|peers|ledger|admin|limits|trusted|quarantine|timeouts|run_as):/m

describe('configurations', () => {
  const whole = examples.filter(
    ({ yaml }) => keys.test(yaml) && !/^(?:services|scrape_configs|apiVersion):/m.test(yaml),
  )
  test('there are some', () => expect(whole.length).toBeGreaterThan(0))
  test.each(whole)('$name', ({ yaml }) => {
    const safe =
      /servers:/.test(yaml) && !/relay_domains|client_address/.test(yaml)
        ? `${yaml}\nrelay_domains: [example.org]\n`
        : yaml
    const loaded = parseConfig(safe, '/etc/rcptwise/config.yaml')
    expect(loaded.ok ? [] : loaded.problems.map(describeProblem)).toEqual([])
  })
})
