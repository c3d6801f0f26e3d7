/**
 * Configuration errors end up in logs and tickets: what is wrong is shown, the password in it is
 * not.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { describeProblem } from '../../src/config/problem.ts'
import { withoutPassword } from '../../src/config/in-words.ts'

test.each([
  ['redis://user:hunter2@host:6379/x', 'redis://***@host:6379/x'],
  ['redis://:hunter2@host:6379/x', 'redis://***@host:6379/x'],
  ['redis://hunter2@host/x', 'redis://***@host/x'],
  ['rediss://user:hun@ter2@[::1]:6379/x', 'rediss://***@[::1]:6379/x'],
  ['rediss://user:hun/ter2@host', 'rediss://***@host'],
  ['redis://user:hun ter2?#@host', 'redis://***@host'],
  ['redis//user:hunter2@host', 'redis//user:***@host'],
  ['redis:user:hunter2@host', 'redis:***@host'],
  ['redis:/user:hunter2@host', 'redis:***@host'],
  ['redis:///user:hunter2@host', 'redis://***@host'],
  ['user:hunter2@host', 'user:***@host'],
  ['redis://host/0?password=hunter2', 'redis://host/0?password=***'],
  ['redis://host/0?user=x&password=hunter2&db=1', 'redis://host/0?user=x&password=***&db=1'],
  ['redis://host:6379/x', 'redis://host:6379/x'],
  ['quarantine@example.org', 'quarantine@example.org'],
  ['@example.org', '@example.org'],
  ['10.0.0.1:25', '10.0.0.1:25'],
])('%s', (written, shown) => {
  expect(withoutPassword(written)).toBe(shown)
})

test.each([
  'ledger: redis://user:hunter2@host:port',
  'ledger: "redis://user:hunter2@host name"',
  'ledger: { url: "redis://user:hunter2@host/db" }',
  'ledger: { path: "redis://user:hunter2@host/0" }',
  'ledger: valkey://user:hunter2@host',
  `ledger: redis://user:hunter2${'x'.repeat(200)}@host/db`,
  'backend: { servers: ["smtp://user:hunter2@host"] }',
  'redis://user:hunter2@host/0',
])('%s is refused without its password', async (line) => {
  const directory = await mkdtemp(join(tmpdir(), 'rcptwise-test-'))
  const file = join(directory, 'config.yaml')
  await writeFile(
    file,
    line.startsWith('redis') ? line : `hostname: mx.test\nrelay_domains: [x.test]\n${line}\n`,
  )
  const loaded = loadConfig(file)
  await rm(directory, { recursive: true })
  expect(loaded.ok).toBe(false)
  const told = loaded.ok ? '' : loaded.problems.map(describeProblem).join('\n')
  expect(told).toContain('***')
  expect(told).not.toContain('hunter2')
})
