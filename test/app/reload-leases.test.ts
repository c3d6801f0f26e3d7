/**
 * What a reload leaves alone: the connections to the mail server and what was learned of it, and
 * the files of recipients, as long as the settings that they depend on stay the same.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { backendSettings } from '../../src/app/backend.ts'
import type { Config } from '../../src/config/config.ts'
import { parseConfig } from '../../src/config/load.ts'
import { makeAuthority } from '../../src/tls/development-ca.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import { Client } from '../support/dialogue.ts'
import { type FakeBackend, startFakeBackend } from '../support/fake-backend.ts'
import { until } from '../support/lab/until.ts'

function configOf(app: TestApp, yaml: string): Config {
  const base =
    'hostname: mx.test\nhistory: off\nlisten: ["127.0.0.1:0"]\nadmin: { listen: "127.0.0.1:0" }\n' +
    'judges: [{ headers: { from: [127.0.0.0/8] } }]\npeers: [{ name: default, strategy: group }]\n'
  const loaded = parseConfig(`${base}${yaml}\n`, join(app.directory, 'config.yaml'))
  if (!loaded.ok) throw new Error(loaded.problems.map(({ message }) => message).join('; '))
  return loaded.config
}

/** Each is another configuration, and none says anything else about the mail server. */
const others = [1, 2, 3].map((n) => `limits: { recipients: ${100 + n} }\n`)

/** `more` stands within `backend`, with a comma in front. */
const behind = (servers: readonly FakeBackend[], more = ''): string =>
  `relay_domains: [example.org]\nbackend: { servers: [${servers.map(({ url }) => `"${url}"`).join(', ')}], mail: at_once${more} }\n`

async function begin(app: TestApp): Promise<Client> {
  const client = await Client.connect(app.port)
  await client.reply()
  for (const line of ['EHLO client.test', 'MAIL FROM:<s@x.test>', 'RCPT TO:<a@example.org>'])
    expect(await client.ask(line)).toMatch(/^250/)
  return client
}

async function finish(client: Client): Promise<void> {
  expect(await client.ask('DATA')).toMatch(/^354/)
  client.send('Subject: x\r\n\r\nhello\r\n.\r\n')
  expect((await client.reply()).join()).toMatch(/^250/)
  client.close()
}

const count = (app: TestApp, kind: string): number =>
  app.facts.filter((fact) => fact.kind === kind).length

describe('the mail server', () => {
  test(
    'deploy.md: “`backend.pool.max_connections` holds over a reload”',
    { timeout: 30_000 },
    async () => {
      await using server = await startFakeBackend()
      const pool = behind([server], ', pool: { max_connections: 3 }')
      await using app = await startTestApp({ config: pool })
      const clients: Client[] = []
      for (const other of others) {
        clients.push(await begin(app))
        expect(await app.app.reload(configOf(app, `${pool}${other}`))).toEqual([])
      }
      // One of the earlier configurations has each connection; a fourth client waits for one.
      expect(server.open()).toBe(3)
      const late = begin(app)
      for (const client of clients) await finish(client)
      await finish(await late)
      expect(server.delivered).toHaveLength(4)
      expect(server.connections.length).toBe(3)
    },
  )

  test('a connection that nobody uses serves those who come after the reload', async () => {
    await using server = await startFakeBackend()
    await using app = await startTestApp({ config: behind([server]) })
    for (const other of others) {
      await finish(await begin(app))
      await app.app.reload(configOf(app, `${behind([server])}${other}`))
    }
    expect(server.connections).toHaveLength(1)
  })

  test('one that is left alone is not asked because of a reload', async () => {
    await using down = await startFakeBackend({
      rules: [{ on: 'connect', say: '554 5.3.2 not today', then: 'close' }],
    })
    await using up = await startFakeBackend()
    const config = behind([down, up], ', health: { eject_for: 1h, eject_at_most: 1h }')
    await using app = await startTestApp({ config })
    expect(count(app, 'backendEjected')).toBe(1)
    const asked = down.connections.length
    for (const other of others) {
      await app.app.reload(configOf(app, `${config}${other}`))
      await finish(await begin(app))
    }
    expect(count(app, 'backendEjected')).toBe(1)
    expect(down.connections).toHaveLength(asked)
  })

  test('it takes no more than was learned before the reload', { timeout: 30_000 }, async () => {
    await using server = await startFakeBackend({ limit: { connections: 1 } })
    const config = behind([server], ', health: { eject_for: 1h, eject_at_most: 1h }')
    await using app = await startTestApp({ config })
    const two = async (): Promise<void> => {
      const first = await begin(app)
      const second = begin(app)
      // The second one waits until the first has what it needs, or gives way.
      await finish(first)
      await finish(await second)
    }
    await two()
    const [turnedAway] = app.facts.filter((fact) => fact.kind === 'backendFull')
    expect(turnedAway).toMatchObject({ connections: 1 })
    for (const other of others) {
      await app.app.reload(configOf(app, `${config}${other}`))
      await two()
    }
    expect(count(app, 'backendFull')).toBe(1)
    expect(count(app, 'backendEjected')).toBe(0)
  })

  test('another one: sessions keep the one that they began with, and its connections end with the last of them', async () => {
    await using old = await startFakeBackend()
    await using next = await startFakeBackend()
    await using app = await startTestApp({ config: behind([old]) })
    const staying = await begin(app)
    await finish(await begin(app))
    await app.app.reload(configOf(app, behind([next])))
    await finish(await begin(app))
    expect(next.delivered).toHaveLength(1)
    expect(old.open()).toBeGreaterThan(0)
    await finish(staying)
    expect(old.delivered).toHaveLength(2)
    await until('nothing of it is left', () => old.open() === 0)
  })

  test('there and back while a session lasts: it is the same one again', async () => {
    await using one = await startFakeBackend()
    await using other = await startFakeBackend()
    await using app = await startTestApp({ config: behind([one]) })
    const staying = await begin(app)
    await app.app.reload(configOf(app, behind([other])))
    await app.app.reload(configOf(app, behind([one])))
    await until('nothing of the other one is left', () => other.open() === 0)
    await finish(staying)
    await finish(await begin(app))
    expect(one.connections).toHaveLength(1)
  })

  test('nothing is left open of one that came with a configuration that can not be used', async () => {
    await using server = await startFakeBackend()
    await using refused = await startFakeBackend()
    await using app = await startTestApp({ config: behind([server]) })
    const config = configOf(app, behind([refused]))
    const taken = config.listen.map((entry) => ({ ...entry, port: server.port }))
    await expect(app.app.reload({ ...config, listen: taken })).rejects.toThrow(/in use/i)
    expect(refused.connections.length).toBeGreaterThan(0)
    await until('nothing of it is left', () => refused.open() === 0)
    await finish(await begin(app))
  })

  test('other authorities in the same file make it another one', async () => {
    await using app = await startTestApp()
    const authority = async (): Promise<void> =>
      await writeFile(
        join(app.directory, 'ca.pem'),
        (await makeAuthority('Authority', 1, Date.now())).cert,
      )
    await authority()
    const config = configOf(
      app,
      'relay_domains: [x.test]\nbackend: { servers: ["smtp://127.0.0.1:1"], tls: { mode: require, ca: ca.pem } }',
    )
    const before = backendSettings(config)
    expect(backendSettings(config)).toEqual(before)
    await authority()
    expect(backendSettings(config)).not.toEqual(before)
  })

  test('another domain at the end of relay_domains leaves it as it is', async () => {
    await using app = await startTestApp()
    const settings = (domains: string): unknown =>
      backendSettings(
        configOf(
          app,
          `relay_domains: [${domains}]\nbackend: { servers: ["smtp://127.0.0.1:1"], follows_routes: false }`,
        ),
      )
    expect(settings('a.test, b.test, c.test')).toEqual(settings('a.test, b.test'))
    expect(settings('c.test, b.test')).not.toEqual(settings('a.test, b.test'))
  })
})

describe('a file of recipients', () => {
  const recipients = 'recipients: { default: careful, sources: [{ file: recipients.yaml }] }\n'

  test('is read once more, and watched once', async () => {
    await using app = await startTestApp({ recipients: 'a@example.org: strict\n' })
    for (const other of others) await app.app.reload(configOf(app, `${recipients}${other}`))
    expect(count(app, 'policiesLoaded')).toBe(1 + others.length)
    await writeFile(join(app.directory, 'recipients.yaml'), 'a@example.org: careful\n')
    await until('the change is seen', () => count(app, 'policiesLoaded') > 1 + others.length)
    expect(count(app, 'policiesLoaded')).toBe(2 + others.length)
  })

  test('with a mistake in it the configuration is not taken, and the entries stay', async () => {
    await using app = await startTestApp({ recipients: 'a@example.org: strict\n' })
    await writeFile(join(app.directory, 'recipients.yaml'), 'a@example.org: lax\n')
    const one = `${recipients}limits: { recipients: 1 }\n`
    await expect(app.app.reload(configOf(app, one))).rejects.toThrow(/recipients\.yaml:1: .*"lax"/)
    const client = await begin(app)
    expect(await client.ask('RCPT TO:<b@example.org>')).not.toMatch(/^452/)
    client.close()
  })
})
