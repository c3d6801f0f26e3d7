/**
 * `auto` over real sockets: a stranger, one that is pinned, one that is forgotten; and what the
 * admin API says of it.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { noteMissing } from '../../src/ledger/missing.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import { Client } from '../support/dialogue.ts'

const recipients = '"tag@example.org": tag-only\n"strict@example.org": strict\n'
const config = 'peers: [{ name: default, strategy: auto, shadow: group }]\n'
const network = '127.0.0.0/24'

async function api(app: TestApp, method: string, path: string, body?: unknown): Promise<unknown> {
  const headers = { 'content-type': 'application/json' }
  const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }
  return await (
    await fetch(`http://127.0.0.1:${app.app.admin?.port ?? 0}/api/v1/${path}`, init)
  ).json()
}
const sender = `senders/${encodeURIComponent(network)}`

/** A message that strict would refuse and tag-only not: the reply to its text. */
async function send(app: TestApp, subject: string): Promise<string> {
  const client = await Client.connect(app.port)
  await client.reply()
  await client.ask('EHLO client.test')
  // Of another sender each time: what a split of the same one remembers is not what is tested here.
  await client.ask(`MAIL FROM:<${subject}@example.net>`)
  for (const to of ['tag', 'strict'])
    expect(await client.ask(`RCPT TO:<${to}@example.org>`)).toMatch(/^250/)
  await client.ask('DATA')
  const text = [
    `Subject: ${subject}`,
    `Message-ID: <${subject}@example.net>`,
    'X-Spam-Score: 9.5',
    '',
    'x',
    '.',
  ]
  const reply = await client.ask(text.join('\r\n'))
  client.close()
  return reply
}

test('strategies.md: “With strategy: auto Rcptwise serves a class sender by sender.” “Rcptwise logs these changes with who did it (event senderChanged).” Across a restart', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'rcptwise-auto-'))
  try {
    {
      await using app = await startTestApp({ config, recipients, directory })
      expect(await send(app, 'one')).toMatch(/^451 4\.5\.3/)
      expect(app.transactions().at(-1)).toMatchObject({
        strategy: 'late',
        chosen: { sender: network, why: 'nothing is known of it' },
        vouched: false,
        shadow: { strategy: 'group', forcedRetries: 1 },
        client: { local: `127.0.0.1 ${app.port}`, rdns: 'localhost' },
      })
      expect(await api(app, 'GET', 'senders')).toEqual({ senders: [], more: false })
      expect(await api(app, 'PUT', `${sender}/strategy`, { strategy: 'lenient' })).toMatchObject({
        name: network,
        why: 'pinned',
      })
      expect(await send(app, 'two')).toMatch(/^250/)
      expect(app.transactions().at(-1)).toMatchObject({
        strategy: 'lenient',
        chosen: { why: 'pinned' },
      })
    }
    await using app = await startTestApp({ config, recipients, directory })
    expect(await send(app, 'three')).toMatch(/^250/)
    expect(await api(app, 'GET', 'senders')).toMatchObject({
      senders: [{ name: network, pin: { by: '127.0.0.1' } }],
    })
    expect(await api(app, 'DELETE', sender)).toEqual({ name: network, forgotten: true })
    expect(await send(app, 'four')).toMatch(/^451/)
    expect(app.facts.filter(({ kind }) => kind === 'senderChanged')).toHaveLength(1)
    expect(await app.metrics()).toMatch(
      /^rcptwise_shadow_forced_retries_total\{peer="default",strategy="group"\} 2$/m,
    )
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

test('a sender is learned as lenient, and a message that nobody vouches for is late all the same', async () => {
  await using app = await startTestApp({ config, recipients })
  const { ledger } = app.app
  ledger.senders.change({ name: network, at: Date.now(), counts: { deferred: 3, missing: 1 } })
  expect(await send(app, 'one')).toMatch(/^451 4\.5\.3/)
  expect(app.transactions().at(-1)).toMatchObject({
    strategy: 'late',
    chosen: { why: 'did not come back for 1 of 3 attempts with a deferral' },
  })
})

test('a recipient whom nobody offers again is listed, with the client it came from', async () => {
  await using app = await startTestApp({ config, recipients })
  expect(await send(app, 'one')).toMatch(/^451/)
  const later = Date.now() + 5 * 3_600_000
  const { ledger } = app.app
  const counts = await noteMissing({
    ledger,
    missingAfterMs: 4 * 3_600_000,
    onFact: () => undefined,
    now: () => later,
  })
  expect(counts).toEqual([{ peer: 'default', strategy: 'late', recipients: 1 }])
  const [split] = await ledger.openSplits(1)
  expect(split?.attempt).toMatchObject({ address: '127.0.0.1', rdns: 'localhost' })
  expect(split?.recipients.filter(({ missingAt }) => missingAt !== undefined)).toMatchObject([
    { address: 'strict@example.org', state: 'refused' },
  ])
})
