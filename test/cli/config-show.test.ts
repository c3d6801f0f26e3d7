/** `rcptwise config show`: what is in force, and where it comes from. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EffectiveValue } from '../../src/config/effective.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { ConfigOverrides } from '../../src/config/overrides.ts'
import { documentedKeys } from '../../src/config/schema-keys.ts'

let directory: string
let file: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'rcptwise-show-'))
  file = join(directory, 'config.yaml')
  writeFileSync(
    file,
    `hostname: mx1.example.org
relay_domains: [example.org, example.net]
backend:
  servers:
    - { url: "smtp://127.0.0.1:2526", priority: 10 }
recipients:
  sources:
    - redis: { url: "redis://user:s3cret@127.0.0.1/0", strings: "policy:" }
    - http: { url: "http://127.0.0.1:8080/policy?recipient={recipient}&token=s3cret" }
peers:
  - name: default
    strategy: late
admin: off
ledger: { url: "redis://:s3cret@127.0.0.1" }
`,
  )
  const loaded = loadConfig(file)
  expect(loaded.ok ? [] : loaded.problems).toEqual([])
})
afterAll(() => rmSync(directory, { recursive: true }))

function effectiveValues(
  of: string | undefined,
  overrides: ConfigOverrides,
): readonly EffectiveValue[] {
  const loaded = loadConfig(of, overrides)
  return loaded.ok ? loaded.values() : expect.unreachable()
}

const shown = (): ReadonlyMap<string, { readonly value: string; readonly from: string }> =>
  new Map(
    effectiveValues(file, { logLevel: 'debug' }).map(({ key, value, from }) => [
      key,
      { value, from },
    ]),
  )

test('cli.md: “It names the file and the line, the option of the command line, or `default`.”', () => {
  const values = shown()
  expect(values.get('hostname')).toEqual({ value: 'mx1.example.org', from: `${file}:1` })
  expect(values.get('relay_domains')).toEqual({
    value: '["example.org","example.net"]',
    from: `${file}:2`,
  })
  expect(values.get('backend.servers[0].priority')).toEqual({ value: '10', from: `${file}:5` })
  expect(values.get('backend.servers[0].weight')).toEqual({ value: '1', from: 'default' })
  expect(values.get('log.level')).toEqual({ value: 'debug', from: '--log-level' })
  expect(values.get('log.format')).toEqual({ value: 'auto', from: 'default' })
  expect(values.get('peers[0].strategy')).toEqual({ value: 'late', from: `${file}:12` })
})

test('a section of a kind that is not written, or that is off, has no keys', () => {
  const keys = [...shown().keys()]
  expect(keys).toContain('recipients.sources[0].redis.url')
  expect(keys.filter((key) => key.includes('sources[0].sql'))).toEqual([])
  expect(keys.filter((key) => key.startsWith('admin'))).toEqual(['admin'])
})

test('cli.md: “Passwords and tokens are hidden.”', () => {
  const text = JSON.stringify(effectiveValues(file, {}))
  expect(text).not.toContain('s3cret')
  expect(text).toContain('redis://user:(hidden)@127.0.0.1/0')
  // A new key that may hold one has to be hidden, too.
  const name = /(?:^|[._])(?:password|passwd|secret|token|credential)s?$/
  const holds = documentedKeys().filter(
    ({ key, value }) => name.test(key) && !value.endsWith('a map'),
  )
  expect(holds).toEqual([])
})

test('without a file every key has its default, each once', () => {
  const all = effectiveValues(undefined, {})
  expect(all.every(({ isDefault }) => isDefault)).toBe(true)
  expect(new Set(all.map(({ key }) => key)).size).toBe(all.length)
  expect(all.length).toBeGreaterThan(100)
  for (const { value } of all) expect(value).not.toBe('')
})
