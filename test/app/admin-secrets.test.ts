/** No answer of the admin API holds a secret, wherever the configuration has one. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { operations } from '../../src/admin/operations.ts'
import { type App, startApp } from '../../src/app.ts'
import { parseConfig } from '../../src/config/load.ts'
import { describeProblem } from '../../src/config/problem.ts'
import { readEvents } from '../support/event-stream.ts'
import { Client } from '../support/dialogue.ts'
import { until } from '../support/lab/until.ts'

/** Each is in one place of the configuration, or in a file that it names. */
const secrets = ['TOKEN', 'RSPAMD', 'HOOK', 'POSTGRES', 'HTTP', 'REDIS', 'LDAP'].map(
  (where) => `secret-of-${where}-0123456789`,
)
const files = new Map<string, string>()
let directory: string
let app: App

const text = (extra = ''): string => `hostname: mx.test
listen: ["127.0.0.1:0"]
data_directory: ${directory}
admin:
  listen: 127.0.0.1:0
  tokens: [{ name: ann, role: operate, token_file: ${file('TOKEN')} }]
relay_domains: [example.org]
judges:
  - rspamd: { url: "http://127.0.0.1:1", password_file: ${file('RSPAMD')}, time_limit: 1s }
  - hook: { url: "http://127.0.0.1:1/", protocol: stalwart, user: mx, password_file: ${file('HOOK')}, time_limit: 1s }
recipients:
  on_failure: default
  sources:
    - postgres: { host: 127.0.0.1, port: 1, database: x, user: x, password_file: ${file('POSTGRES')}, query: "select policy from t where address in (:keys)" }
    - http: { url: "http://127.0.0.1:1/", token_file: ${file('HTTP')} }
    - redis: { url: "redis://me:secret-of-REDIS-0123456789@127.0.0.1:1/0", strings: "p:" }
    - ldap: { url: "ldap://127.0.0.1:1", base: "dc=x", bind_dn: "cn=x", password_file: ${file('LDAP')}, filter: "(mail={key})", attributes: { policy: mailPolicy } }
${extra}`

const file = (where: string): string => files.get(`secret-of-${where}-0123456789`) ?? ''

function loadedOf(yaml: string) {
  const loaded = parseConfig(yaml, join(directory, 'config.yaml'))
  if (!loaded.ok) throw new Error(loaded.problems.map(describeProblem).join('\n'))
  return loaded
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rcptwise-secrets-'))
  for (const [i, secret] of secrets.entries()) {
    files.set(secret, join(directory, `file-${i}`))
    await writeFile(join(directory, `file-${i}`), secret)
  }
  const { config, values } = loadedOf(text())
  app = await startApp(config, { processMetrics: false, values })
})
afterAll(async () => {
  await app.close()
  await rm(directory, { recursive: true })
})

const url = (path: string): string =>
  `http://${app.admin?.address ?? ''}:${app.admin?.port ?? 0}${path}`
const headers = { authorization: `Bearer secret-of-TOKEN-0123456789` }

async function sendOne(): Promise<void> {
  const client = await Client.connect(app.addresses[0]?.port ?? 0)
  await client.reply()
  for (const line of [
    'EHLO client.test',
    'MAIL FROM:<s@x.test>',
    'RCPT TO:<a@example.org>',
    'DATA',
  ])
    await client.ask(line)
  client.send('Subject: x\r\nMessage-ID: <1@x.test>\r\n\r\nhello\r\n.\r\n')
  await client.reply()
  client.close()
}

const found = (said: string): string[] => secrets.filter((secret) => said.includes(secret))

test('whatever is asked, and whatever happens meanwhile', { timeout: 60_000 }, async () => {
  using reader = await readEvents(url('/api/v1/events'), headers)
  await sendOne()
  // What is wrong with a configuration is told, too.
  const wrong = parseConfig(
    text().replace('redis://me:', 'redis://me:x:y@z:').replace('ldap://', 'ldap:/'),
    join(directory, 'config.yaml'),
  )
  if (wrong.ok) throw new Error('that configuration was taken')
  app.onFact({ kind: 'configKept', at: 1, why: wrong.problems.map(describeProblem) })
  await app.reload(loadedOf(text('log: { level: warn }\n')).config)
  const asked = operations.filter(({ method, media }) => method === 'GET' && media === 'text/plain')
  expect(asked.length).toBeGreaterThan(10)
  for (const { path } of asked) {
    const target = path.replace('{name}', 'default').replace('{id}', 'X')
    const query = path.endsWith('/history') ? '?address=a@example.org' : ''
    const response = await fetch(url(`${target}${query}`), { headers })
    const said = `${JSON.stringify([...response.headers])} ${await response.text()}`
    expect(found(said), path).toEqual([])
    if (path.endsWith('/configuration')) expect(said).toContain('redis://me:(hidden)@')
  }
  const begun = await fetch(url('/api/v1/session'), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token: secrets[0] }),
  })
  expect(found(`${JSON.stringify([...begun.headers])} ${await begun.text()}`)).toEqual([])
  await until('the message and the reload are told', () =>
    ['transactionEnded', 'configKept'].every((name) => reader.of(name).length > 0),
  )
  expect(found(JSON.stringify(reader.heard))).toEqual([])
})
