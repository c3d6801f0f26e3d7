/** Rule 8 as the configuration has it: who is refused, by how servers are told the client. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { refusesRoutes, relayQuestions } from '../../src/app/relaying.ts'
import type { Config } from '../../src/config/config.ts'
import { loadConfig } from '../../src/config/load.ts'
import { describeProblem } from '../../src/config/problem.ts'

let directory = ''
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'rcptwise-config-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function load(backend: string, relayDomains = 'relay_domains: [example.org]\n'): Config {
  const file = join(directory, 'config.yaml')
  writeFileSync(file, `${relayDomains}backend: { ${backend} }\n`)
  const loaded = loadConfig(file)
  if (!loaded.ok) throw new Error(loaded.problems.map(describeProblem).join('\n'))
  return loaded.config
}

const smtp = 'servers: ["smtp://127.0.0.1:25"]'

test.each([
  [smtp, true],
  [`${smtp}, client_address: none`, true],
  [`${smtp}, client_address: xforward`, true],
  ['servers: ["lmtp://127.0.0.1:24"]', true],
  [`${smtp}, follows_routes: false`, false],
  [`${smtp}, client_address: xforward, follows_routes: false`, false],
  [`${smtp}, client_address: xclient`, false],
  [`${smtp}, client_address: proxy`, false],
  [`${smtp}, client_address: proxy, proxy_version: 1`, false],
  ['servers: ["sink:mail"]', false],
])('backend: { %s } refuses recipients with a route: %s', (backend, refused) =>
  expect(refusesRoutes(load(backend))).toBe(refused),
)

test.each([
  [smtp, 'relay_domains: [example.org]\n', undefined],
  [
    `${smtp}, follows_routes: false`,
    'relay_domains: [example.org]\n',
    { anyDomain: false, domains: ['example.org'] },
  ],
  [`${smtp}, client_address: xclient`, '', { anyDomain: true, domains: [] }],
  [
    `${smtp}, client_address: proxy`,
    'relay_domains: [example.org, "*.example.net"]\n',
    { anyDomain: false, domains: ['example.org', 'relay-probe.example.net'] },
  ],
  ['servers: ["sink:mail"]', '', undefined],
])(
  'backend: { %s }, %s: each server is asked what nobody but itself keeps from being relayed',
  (backend, domains, questions) =>
    expect(relayQuestions(load(backend, domains))).toEqual(questions),
)
