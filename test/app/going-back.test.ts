/**
 * How Rcptwise is taken away: no new split, the open ones come to their end, and nobody has
 * anything twice.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../support/app.ts'
import { Client } from '../support/dialogue.ts'

const [tag, careful, strict] = [
  'tag@example.org',
  'careful@example.org',
  'strict@example.org',
] as const
const recipients = `"${tag}": tag-only\n"${careful}": careful\n"${strict}": strict\n`
const config = 'peers: [{ name: default, strategy: late }]'

/** One attempt of a message that only `strict` refuses; the replies to RCPT, and to the text. */
async function attempt(app: TestApp, subject: string, to: readonly string[]): Promise<string[]> {
  const client = await Client.connect(app.port)
  await client.reply()
  await client.ask('EHLO client.test')
  await client.ask('MAIL FROM:<s@example.net>')
  const said: string[] = []
  for (const recipient of to) said.push(await client.ask(`RCPT TO:<${recipient}>`))
  if ((await client.ask('DATA')).startsWith('354'))
    said.push(
      await client.ask(
        `Subject: ${subject}\r\nMessage-ID: <${subject}@x>\r\nX-Spam-Score: 9.5\r\n\r\nx\r\n.`,
      ),
    )
  // Only who goes on has heard the answer (decision 43).
  await client.ask('QUIT')
  client.close()
  return said.map((line) => line.slice(0, 3))
}

async function api(app: TestApp, method: string, path: string, body?: unknown): Promise<unknown> {
  const url = `http://127.0.0.1:${app.app.admin?.port ?? 0}/api/v1/${path}`
  const headers = { 'content-type': 'application/json' }
  return await (
    await fetch(url, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  ).json()
}

const open = async (app: TestApp): Promise<number> =>
  ((await api(app, 'GET', 'splits')) as { readonly splits: readonly unknown[] }).splits.length

interface Drained {
  readonly draining: boolean
  readonly done: boolean
  readonly held: number
  readonly splits: readonly { readonly held: readonly string[] }[]
}

const drain = async (app: TestApp, method = 'PUT'): Promise<Drained> =>
  (await api(app, method, 'drain')) as Drained

test('README.md: “Run rcptwise drain: Rcptwise then splits no new message.” in-and-out.md: “From then on no message begins a split, in no worker, when the command has its first answer.”', async () => {
  await using app = await startTestApp({ config, recipients })
  expect(await attempt(app, 'before', [tag, strict])).toEqual(['250', '250', '451'])
  expect(await open(app)).toBe(1)

  expect(await drain(app)).toMatchObject({ draining: true, done: false, splits: [{ held: [tag] }] })
  expect(await attempt(app, 'afterwards', [tag, strict])).toEqual(['250', '250', '250'])
  expect(await open(app), 'no new one').toBe(1)
  expect(app.transactions().at(-1)).toMatchObject({ unsplit: 'draining' })
  const metrics = await app.metrics()
  for (const one of ['rcptwise_draining 1\n', 'rcptwise_draining_splits 1\n'])
    expect(metrics).toContain(one)

  const heard: string[][] = []
  let left: readonly string[] = [tag, strict]
  while (left.length > 0 && heard.length < 6) {
    const said = await attempt(app, 'before', left)
    heard.push(said)
    if (said.at(-1)?.startsWith('4') !== true) left = left.filter((_, i) => said[i] !== '250')
    // As soon as the tagged one is told that they have it, your server may come back.
    expect((await drain(app, 'GET')).done).toBe(!left.includes(tag))
  }
  expect(left, JSON.stringify(heard)).toEqual([])
  expect(await open(app)).toBe(0)
  expect(await drain(app)).toMatchObject({ draining: true, done: true, held: 0, splits: [] })
  const copies = (await app.mail(tag)).filter((text) => text.includes('Subject: before'))
  expect(copies, 'nobody has it twice').toHaveLength(1)
})

test('in-and-out.md: “The ledger keeps that it drains, over a restart of serve, and until you undo it.” “/readyz stays 200, and says draining”', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'rcptwise-drain-'))
  try {
    {
      await using app = await startTestApp({ config, recipients, directory })
      expect(await drain(app)).toMatchObject({ draining: true, done: true })
    }
    await using app = await startTestApp({ config, recipients, directory })
    const url = `http://127.0.0.1:${app.app.admin?.port ?? 0}/readyz`
    const ready = await fetch(url)
    expect([ready.status, await ready.json()]).toMatchObject([200, { draining: true }])
    expect(await attempt(app, 'again', [tag, strict])).toEqual(['250', '250', '250'])
    expect(await drain(app, 'DELETE')).toMatchObject({ draining: false, done: false })
    expect(await attempt(app, 'at last', [tag, strict])).toEqual(['250', '250', '451'])
    const changes = app.facts.filter((fact) => fact.kind === 'drainChanged')
    expect(changes).toMatchObject([{ draining: false }])
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

test('in-and-out.md: “Splits in which nobody has the message are no reason to wait: your server takes them as new.”', async () => {
  await using app = await startTestApp({
    config: 'peers: [{ name: default, strategy: group }]',
    recipients,
  })
  expect(await attempt(app, 'grouped', [tag, strict])).toEqual(['250', '451', '250'])
  expect(await open(app)).toBe(1)
  expect(await drain(app)).toMatchObject({ open: 1, held: 0, done: true })
})

test('strategies that are set and reset meanwhile leave the draining alone', async () => {
  await using app = await startTestApp({ config, recipients })
  await drain(app)
  await api(app, 'PUT', 'peers/default/strategy', { strategy: 'group' })
  expect(await attempt(app, 'one', [tag, strict])).toEqual(['250', '250', '250'])
  await api(app, 'DELETE', 'peers/default/strategy')
  expect(await drain(app, 'GET')).toMatchObject({ draining: true })
})

test.each([
  ['lenient', 'late', 1],
  ['lenient', 'group', 1],
  ['off', 'late', 1],
  ['off', 'group', 1],
] as const)(
  'in-and-out.md: “A message whose recipients differ is served unsplit, as a forgiven one is” forgive_as: %s in place of %s: all have it, marked, in one attempt',
  async (forgiveAs, strategy, copies) => {
    const peers = `peers: [{ name: default, strategy: ${strategy}, forgive_as: ${forgiveAs} }]`
    await using app = await startTestApp({ config: peers, recipients })
    await drain(app)
    expect(await attempt(app, 'one', [tag, careful, strict])).toEqual(['250', '250', '250', '250'])
    for (const address of [tag, careful, strict]) {
      const mail = await app.mail(address)
      expect(mail, address).toHaveLength(copies)
      expect(mail[0], address).toMatch(/^X-Spam[^\n]*/m)
    }
    expect(app.transactions().at(-1)).toMatchObject({ unsplit: 'draining' })
    expect(await open(app)).toBe(0)
  },
)

test('deliver_deferred: who was deferred and has it is waited for, until the sender knows; they have it once', async () => {
  const peers = 'peers: [{ name: default, strategy: group, deliver_deferred: true }]'
  await using app = await startTestApp({ config: peers, recipients })
  expect(await attempt(app, 'early', [tag, careful])).toEqual(['250', '451', '250'])
  expect(await app.mail(careful)).toHaveLength(1)
  expect(await drain(app)).toMatchObject({ done: false, splits: [{ held: [careful] }] })
  expect(await attempt(app, 'early', [careful])).toEqual(['250', '250'])
  expect(await drain(app, 'GET')).toMatchObject({ done: true, held: 0 })
  expect(await app.mail(careful)).toHaveLength(1)
  expect(await attempt(app, 'late', [tag, careful]), 'no new one').toEqual(['250', '250', '250'])
})
