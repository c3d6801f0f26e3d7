/**
 * `mode: observe` over sockets: the mail waits for no judge and no policy, nothing of it is changed,
 * and what would have been is told behind the answer.
 */
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { Config } from '../../src/config/config.ts'
import { parseConfig } from '../../src/config/load.ts'
import type { Fact } from '../../src/facts/fact.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import { Client } from '../support/dialogue.ts'
import { type FakeBackend, startFakeBackend } from '../support/fake-backend.ts'
import { behind, open } from '../support/session.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

type Observed = Extract<Fact, { kind: 'messageObserved' }>
type NotObserved = Extract<Fact, { kind: 'messageNotObserved' }>

const observed = (app: TestApp): Observed[] =>
  app.facts.filter((fact) => fact.kind === 'messageObserved')
const notObserved = (app: TestApp): NotObserved[] =>
  app.facts.filter((fact) => fact.kind === 'messageNotObserved')

const recipients = 'ann@example.org: tag-only\ncho@example.org: strict\n'
const both = ['ann@example.org', 'cho@example.org']
const spam = 'X-Spam-Score: 9\r\nSubject: spam\r\n\r\nhello\r\n'

/** It takes connections, and never says a word. */
async function silentServer(): Promise<number> {
  const server: Server = createServer((socket) => ends.push(() => socket.destroy()))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  ends.push(() => server.close())
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

interface Front {
  readonly app: TestApp
  readonly backend: FakeBackend
}

async function front(
  config = '',
  offers?: readonly string[],
  mode: 'observe' | 'enforce' = 'observe',
): Promise<Front> {
  const backend = await startFakeBackend(offers === undefined ? {} : { offers })
  ends.push(async () => await backend[Symbol.asyncDispose]())
  const app = await startTestApp({
    config: `${behind(backend)}mode: ${mode}\ntimeouts: { shutdown: 100ms }\n${config}`,
    recipients,
  })
  ends.push(async () => await app[Symbol.asyncDispose]())
  return { app, backend }
}

/** What RCPTs and the text were answered. */
async function send(client: Client, text = spam, to: readonly string[] = both, mail = '') {
  const said = [await client.ask(`MAIL FROM:<s@client.test>${mail}`)]
  for (const one of to) said.push(await client.ask(`RCPT TO:<${one}>`))
  said.push(await client.ask('DATA'))
  client.send(`${text}.\r\n`)
  said.push((await client.reply()).join('\n'))
  return said.map((line) => line.slice(0, 3)).join(' ')
}

test('in-and-out.md: “Your server gets one transaction with all recipients, and its own answer to each command is the answer to the client.” The text as it came, and behind it what would have been', async () => {
  const { app, backend } = await front('received_header: false\n')
  const client = await open(app.port)
  ends.push(() => client.close())
  expect(await send(client)).toBe('250 250 250 354 250')
  expect(backend.delivered.map(({ recipients: to, text }) => [to.length, String(text)])).toEqual([
    [2, spam],
  ])
  await expect.poll(() => observed(app)).toHaveLength(1)
  expect(observed(app)[0]).toMatchObject({
    divided: true,
    score: 9,
    recipients: [
      { address: both[0], policy: 'tag-only', group: 1, verdict: 'tag' },
      { address: both[1], policy: 'strict', group: 2, verdict: 'reject' },
    ],
  })
  const metrics = await app.metrics()
  expect(metrics).toContain('rcptwise_observing 1')
  expect(metrics).toContain('rcptwise_observed_messages_total{peer="default",result="divided"} 1')
  expect(metrics).not.toMatch(/rcptwise_forced_retries_total\{[^}]*\} [1-9]/)
})

test("in-and-out.md: “It offers PRDR only if your server offers it, and passes your server's answers on; it does not offer GREYLIST.”", async () => {
  const { app } = await front()
  const client = await Client.connect(app.port)
  ends.push(() => client.close())
  await client.reply()
  expect(await client.ask('EHLO client.test')).not.toMatch(/PRDR|GREYLIST/)

  const prdr = await front('', ['PIPELINING', 'PRDR', 'SIZE 1000000'])
  const other = await Client.connect(prdr.app.port)
  ends.push(() => other.close())
  await other.reply()
  expect(await other.ask('EHLO client.test')).toContain('PRDR')
})

describe('nothing waits for who is asked', () => {
  test(
    'in-and-out.md: “The mail waits for no judge and no source of policies; when they are slow or down, nobody notices.”',
    { timeout: 60_000 },
    async () => {
      const port = await silentServer()
      const rspamd = `judges: [{ rspamd: { url: "http://127.0.0.1:${port}", time_limit: 1s, on_failure: defer } }]\n`
      const { app, backend } = await front(rspamd)
      const client = await open(app.port)
      ends.push(() => client.close())
      expect(await send(client)).toBe('250 250 250 354 250')
      expect(observed(app)).toEqual([])
      expect(backend.delivered).toHaveLength(1)
      expect(app.app.ready()).toEqual({ ready: true, reasons: [] })
      await expect.poll(() => observed(app)).toHaveLength(1)
      expect(observed(app)[0]?.recipients.map(({ verdict, reason }) => [verdict, reason])).toEqual([
        ['defer', { because: 'judge failed' }],
        ['defer', { because: 'judge failed' }],
      ])
    },
  )

  test('limits.md: “table under Observing” in-and-out.md: “Rcptwise passes others on without judging them”', async () => {
    const port = await silentServer()
    const rspamd = `judges: [{ rspamd: { url: "http://127.0.0.1:${port}", time_limit: 5s } }]\n`
    const { app, backend } = await front(`${rspamd}limits: { observed_at_a_time: 1 }\n`)
    const client = await open(app.port)
    ends.push(() => client.close())
    for (let i = 0; i < 3; i++) expect(await send(client)).toBe('250 250 250 354 250')
    expect(backend.delivered).toHaveLength(3)
    expect(notObserved(app).map(({ why }) => why)).toEqual(['crowded', 'crowded'])
    expect(await app.metrics()).toContain(
      'rcptwise_observed_messages_total{peer="default",result="not_observed"} 2',
    )
  })

  test('what is under way when it is stopped is told to be so, and holds nothing up', async () => {
    const port = await silentServer()
    const { app } = await front(
      `judges: [{ rspamd: { url: "http://127.0.0.1:${port}", time_limit: 1m } }]\n`,
    )
    const client = await open(app.port)
    ends.push(() => client.close())
    await send(client)
    await app[Symbol.asyncDispose]()
    expect(notObserved(app).map(({ why }) => why)).toEqual(['ended'])
  })
})

test('a large text, from a file, is observed as a small one', async () => {
  const { app, backend } = await front('spool: { memory: 64KiB }\n')
  const client = await open(app.port)
  ends.push(() => client.close())
  const large = `${spam}${'x'.repeat(70).concat('\r\n').repeat(20_000)}`
  expect(await send(client, large)).toBe('250 250 250 354 250')
  expect(backend.delivered[0]?.text.length).toBeGreaterThan(1_400_000)
  await expect.poll(() => observed(app)).toHaveLength(1)
  expect(observed(app)[0]).toMatchObject({ score: 9, divided: true })
})

test('in-and-out.md: “What holds as before: limits, relay_domains, the guard against routes in local parts”', async () => {
  const { app } = await front('limits: { recipients: 2 }\n')
  const client = await open(app.port)
  ends.push(() => client.close())
  await client.ask('MAIL FROM:<s@client.test>')
  expect(await client.ask('RCPT TO:<x@elsewhere.test>')).toMatch(/^550 /)
  expect(await client.ask('RCPT TO:<a%elsewhere.test@example.org>')).toMatch(/^550 /)
  expect(await client.ask('RCPT TO:<ann@example.org>')).toMatch(/^452 /)
})

describe('switched by a reload', () => {
  const configOf = (
    { app, backend }: Front,
    mode: 'observe' | 'enforce',
    strategy = 'late',
  ): Config => {
    const yaml = [
      'hostname: mx.test',
      'history: off',
      'listen: ["127.0.0.1:0"]',
      'admin: { listen: "127.0.0.1:0" }',
      'judges: [{ headers: { from: [127.0.0.0/8] } }]',
      'recipients: { default: careful, sources: [{ file: recipients.yaml }] }',
      `peers: [{ name: default, strategy: ${strategy} }]`,
      `mode: ${mode}`,
      behind(backend),
    ].join('\n')
    const loaded = parseConfig(yaml, join(app.directory, 'config.yaml'))
    if (!loaded.ok) throw new Error(loaded.problems.map(({ message }) => message).join('; '))
    return loaded.config
  }

  test('in-and-out.md: “A split that was open before is answered to its end: who has the message does not get it again.”', async () => {
    const there = await front('peers: [{ name: default, strategy: late }]\n', undefined, 'enforce')
    const before = await open(there.app.port)
    ends.push(() => before.close())
    expect(await send(before, spam, both, ' SIZE=100')).toBe('250 250 250 354 451')
    expect(await there.app.app.reload(configOf(there, 'observe'))).toEqual([])
    const after = await open(there.app.port)
    ends.push(() => after.close())
    expect(await send(after, spam, both, ' SIZE=100')).toBe('250 250 250 354 250')
    const got = there.backend.delivered.flatMap(({ recipients: to }) => to)
    expect(got.map((to) => /<(.*)>/.exec(to)?.[1]).sort()).toEqual(both)
    // Who is acknowledged without a delivery is forgotten once the client goes on.
    await after.ask('NOOP')
    expect(await there.app.app.ledger.openSplits(10)).toEqual([])
  })

  test('in-and-out.md: “Sessions that are open go on as they began; each new session is served in the new mode.” In both directions', async () => {
    const there = await front('', undefined, 'observe')
    const first = await open(there.app.port)
    ends.push(() => first.close())
    await first.ask('MAIL FROM:<s@client.test>')
    await first.ask('RCPT TO:<ann@example.org>')
    await there.app.app.reload(configOf(there, 'enforce', 'group'))
    expect(await first.ask('RCPT TO:<cho@example.org>')).toMatch(/^250/)
    await first.ask('DATA')
    first.send(`${spam}.\r\n`)
    expect((await first.reply()).join()).toMatch(/^250/)
    const second = await open(there.app.port)
    ends.push(() => second.close())
    await second.ask('MAIL FROM:<s@client.test>')
    await second.ask('RCPT TO:<ann@example.org>')
    await there.app.app.reload(configOf(there, 'observe', 'group'))
    expect(await second.ask('RCPT TO:<cho@example.org>')).toMatch(/^451/)
    await second.ask('DATA')
    second.send(`${spam}.\r\n`)
    expect((await second.reply()).join()).toMatch(/^[24]5/)
    // What was passed on before the first reload is observed although its configuration is gone.
    await expect.poll(() => observed(there.app)).toHaveLength(1)
  })
})
