/**
 * The section `backend`: servers with priority and weight, MX records, when a server is left alone.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { describeProblem } from '../../src/config/problem.ts'

let directory = ''
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'rcptwise-config-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function load(backend: string): ReturnType<typeof loadConfig> {
  const file = join(directory, 'config.yaml')
  writeFileSync(file, `relay_domains: [example.org]\nbackend:\n${backend}\n`)
  return loadConfig(file)
}

test('servers as URLs and as objects', () => {
  const loaded = load(`  servers:
    - smtp://10.0.0.5:25
    - { url: "smtp://backup.example.org", priority: 10 }
    - { url: "mx://Example.org", priority: 20, weight: 5 }`)
  expect(loaded).toMatchObject({
    ok: true,
    config: {
      backend: {
        servers: [
          { kind: 'smtp', url: 'smtp://10.0.0.5:25', priority: 0, weight: 1 },
          { url: 'smtp://backup.example.org:25', priority: 10, weight: 1 },
          { url: 'mx://Example.org:25', host: 'Example.org', mx: true, priority: 20, weight: 5 },
        ],
      },
    },
  })
})

test('what is not written', () =>
  expect(load('  servers: [smtp://10.0.0.5:25]')).toMatchObject({
    config: {
      backend: {
        resolveEveryMs: 60_000,
        health: {
          ejectMs: 5000,
          ejectAtMostMs: 300_000,
          askEveryMs: 60_000,
          askRelayAtMostMs: 86_400_000,
        },
        pool: { maxConnections: 100 },
      },
    },
  }))

test('what is written', () =>
  expect(
    load(`  servers: [smtp://10.0.0.5:25]
  resolve_every: 5m
  health: { eject_for: 1s, eject_at_most: 10s, ask_every: 30s }
  pool: { per_server: 20 }`),
  ).toMatchObject({
    config: {
      backend: {
        resolveEveryMs: 300_000,
        health: {
          ejectMs: 1000,
          ejectAtMostMs: 10_000,
          askEveryMs: 30_000,
          askRelayAtMostMs: 86_400_000,
        },
        pool: { perServer: 20 },
      },
    },
  }))

test.each([
  [
    'the same server twice',
    '  servers: [smtp://10.0.0.5, smtp://10.0.0.5:25]',
    'backend.servers[1]: smtp://10.0.0.5:25 is there twice; give it a weight, or leave one out',
  ],
  [
    'MX of an address',
    '  servers: [mx://10.0.0.5]',
    'an address has no MX records; did you mean "smtp://10.0.0.5:25"?',
  ],
  [
    'a weight of 0',
    '  servers: [{ url: "smtp://10.0.0.5", weight: 0 }]',
    'backend.servers[0].weight: got 0',
  ],
  [
    'a key that is none',
    '  servers: [{ url: "smtp://10.0.0.5", prio: 1 }]',
    'backend.servers[0].prio: is not a known key',
  ],
  [
    'times that contradict each other',
    '  servers: [smtp://10.0.0.5]\n  health: { eject_for: 1m, eject_at_most: 10s }',
    'backend.health.eject_at_most: is shorter than eject_for; make it longer',
  ],
])('%s', (_name, backend, problem) => {
  const loaded = load(backend)
  expect(loaded.ok ? [] : loaded.problems.map(describeProblem)).toEqual([
    expect.stringContaining(problem),
  ])
})
