/**
 * Another configuration while mail flows: open sessions keep theirs, new ones get the new, and a
 * broken one changes nothing.
 */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Config } from '../../src/config/config.ts'
import { parseConfig } from '../../src/config/load.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import { Client } from '../support/dialogue.ts'

function configOf(app: TestApp, yaml: string): Config {
  const base = 'listen: ["127.0.0.1:0"]\nadmin: { listen: "127.0.0.1:0" }\nhistory: off\n'
  const loaded = parseConfig(`${base}${yaml}\n`, join(app.directory, 'config.yaml'))
  if (!loaded.ok) throw new Error(loaded.problems.map(({ message }) => message).join('; '))
  return loaded.config
}

test(
  'who is there goes on with the old one, who comes gets the new one, at the same port',
  { timeout: 20_000 },
  async () => {
    await using app = await startTestApp()
    const old = await Client.connect(app.port)
    expect((await old.reply()).join()).toContain('mx.test')
    expect(
      await app.app.reload(configOf(app, 'hostname: mx2.test\nlimits: { recipients: 1 }')),
    ).toEqual([])
    expect(app.app.addresses.map(({ port }) => port)).toEqual([app.port])
    const fresh = await Client.connect(app.port)
    expect((await fresh.reply()).join()).toContain('mx2.test')
    for (const [client, second] of [
      [old, '250'],
      [fresh, '452'],
    ] as const) {
      await client.ask('EHLO client.test')
      await client.ask('MAIL FROM:<s@x.test>')
      await client.ask('RCPT TO:<a@example.org>')
      expect((await client.ask('RCPT TO:<b@example.org>')).slice(0, 3)).toBe(second)
      await client.ask('DATA')
      client.send('Subject: x\r\n\r\nhello\r\n.\r\n')
      expect((await client.reply()).join()).toMatch(/^250 /)
      client.close()
    }
  },
)

test('who still waits for the greeting is served by the new one', async () => {
  await using app = await startTestApp({ config: 'greet_delay: 1500ms' })
  const client = await Client.connect(app.port)
  await app.app.reload(configOf(app, 'hostname: mx2.test\ngreet_delay: 1500ms'))
  expect((await client.reply()).join()).toContain('mx2.test')
  client.close()
})

test('what can not be used leaves everything as it was, and says why', async () => {
  await using app = await startTestApp()
  const broken = configOf(
    app,
    'hostname: mx2.test\nrecipients: { default: careful, sources: [{ file: none.yaml }] }',
  )
  await expect(app.app.reload(broken)).rejects.toThrow(/none\.yaml: there is no such file/)
  const client = await Client.connect(app.port)
  expect((await client.reply()).join()).toContain('mx.test')
  client.close()
})

test('what needs a restart is named, and the rest is used', async () => {
  await using app = await startTestApp()
  const wanted = configOf(app, 'hostname: mx2.test\nledger: sqlite:other.db')
  expect(await app.app.reload(wanted)).toContain('ledger')
  const client = await Client.connect(app.port)
  expect((await client.reply()).join()).toContain('mx2.test')
  client.close()
})
