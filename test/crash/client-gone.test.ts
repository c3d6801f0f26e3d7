/**
 *     client, gone at a step ─▶ rcptwise ─▶ fake backend
 *
 * A client that has read no reply to its text still owns the message (RFC 5321 4.1.1.4, 4.2.5), so
 * dropping it loses nothing. FIN after the dot is no leaving: Exim half-closes behind QUIT and
 * reads on (protocol.md), so the message goes on to its end. After RST nobody can be told anything:
 * a message whose dot the backend does not have yet is dropped.
 */
import { describe, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../support/app.ts'
import { Client } from '../support/dialogue.ts'
import { type FakeBackend, startFakeBackend, type Step } from '../support/fake-backend.ts'
import { until } from '../support/lab/until.ts'
import { senderOf, untilAnswered } from './sender.ts'

type Gone = 'FIN' | 'RST'

/**
 * What was said before it went, where the backend is then, and how often the message is delivered
 * in the end.
 */
interface Case {
  readonly say: readonly string[]
  readonly at?: Step
  readonly delivered: Readonly<Record<Gone, number>>
}

const hello = ['EHLO client.test']
const envelope = [...hello, 'MAIL FROM:<s@x.test>', 'RCPT TO:<a@example.org>']
const none = { FIN: 0, RST: 0 }
const text = 'Subject: test\r\n\r\nhello\r\n.'
const lines = '0123456789abcdef\r\n'.repeat(20_000)
const long = `Subject: long\r\n\r\n${lines}`

const cases: Record<string, Case> = {
  'before anything': { say: [], delivered: none },
  'after EHLO': { say: hello, delivered: none },
  'while MAIL is asked': { say: envelope.slice(0, 2), at: 'MAIL', delivered: none },
  'while RCPT is asked': { say: envelope, at: 'RCPT', delivered: none },
  'after RCPT': { say: envelope, delivered: none },
  'after 354': { say: [...envelope, 'DATA'], delivered: none },
  'in the middle of a short text': { say: [...envelope, 'DATA', 'Subject: half'], delivered: none },
  'in the middle of a text that streams': {
    say: [...envelope, 'DATA', long],
    at: 'DATA',
    delivered: none,
  },
  'after the dot, before the backend has said 354': {
    say: [...envelope, 'DATA', text],
    at: 'DATA',
    delivered: { FIN: 1, RST: 0 },
  },
  // The backend has it all: whether it takes it is up to the backend.
  'after the dot, before the backend has answered': {
    say: [...envelope, 'DATA', text],
    at: 'dot',
    delivered: { FIN: 1, RST: 1 },
  },
}

const rows = Object.entries(cases).flatMap(([name, one]) =>
  (['FIN', 'RST'] as const).map((gone): [string, Gone, Case] => [name, gone, one]),
)

describe('known-limits.md: “table under When the sender goes away” “It notices that this sender has left only when the mail server goes on”', () => {
  test.each(rows)('%s (%s)', async (_, gone, { say, at, delivered }) => {
    const [reached, goOn] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()]
    await using backend = await startFakeBackend()
    await using app = await startTestApp({
      config: `backend: { servers: ["${backend.url}"], mail: at_once }\nrelay_domains: [example.org]`,
    })
    if (at !== undefined)
      backend.rule({ on: at, hold: goOn.promise, reached: () => reached.resolve(undefined) })
    const client = await Client.connect(app.port)
    await client.reply()
    for (const [i, line] of say.entries()) {
      client.send(`${line}\r\n`)
      const last = i === say.length - 1
      if (!last || at === undefined) if (!line.startsWith('Subject')) await client.reply()
    }
    if (at !== undefined) await reached.promise
    if (gone === 'FIN') client.socket.end()
    else client.socket.resetAndDestroy()
    // Whoever is made to wait is not read from, and so not missed: that ends when the backend goes
    // on. Nor is one missed whose message the backend has: what it says is written down for the
    // next attempt.
    if (gone === 'RST' && say.at(-1) !== long && at !== 'dot')
      await until('the session has ended', () => closed(app) === 1)
    goOn.resolve(undefined)
    await until('the session has ended', () => closed(app) === 1)
    await until('nothing is lent', async () => (await busy(app)) === 0)
    await until('the message is there', () => backend.delivered.length >= delivered[gone])
    expect(backend.delivered).toHaveLength(delivered[gone])
    client.close()
    await clean(app, backend)
  })
})

describe("known-limits.md: “Rcptwise waits for the mail server's answer all the same and writes down who has the message.”", () => {
  const short = 'hello\r\n'
  test.each([
    { name: 'one recipient', to: ['a@example.org'] },
    { name: 'recipients of one answer', to: ['a@example.org', 'b@example.org'], strategy: 'late' },
    {
      name: 'two deliveries, plain and tagged',
      to: ['a@example.org', 'c@example.org'],
      strategy: 'lenient',
    },
    { name: 'a text that streams, and is kept', to: ['a@example.org'], body: lines },
    {
      name: 'a text that streams, half of it kept',
      to: ['a@example.org'],
      body: lines,
      memory: '200KiB',
    },
    {
      name: 'a large text that goes to a file',
      to: ['a@example.org'],
      body: lines,
      memory: '10KiB',
    },
  ])(
    '$name: nobody has it twice',
    async ({ to, strategy = 'group', body = short, memory = '1MiB' }) => {
      const [reached, goOn] = [
        Promise.withResolvers<undefined>(),
        Promise.withResolvers<undefined>(),
      ]
      await using backend = await startFakeBackend({
        rules: [
          { on: 'dot', nth: 1, hold: goOn.promise, reached: () => reached.resolve(undefined) },
        ],
      })
      await using app = await startTestApp({
        config: `backend: { servers: ["${backend.url}"], mail: at_once }
relay_domains: [example.org]
spool: { memory: ${memory} }
peers: [{ name: default, strategy: ${strategy} }]`,
        recipients: '"c@example.org": strict\n',
      })
      const message = {
        from: 's@x.test',
        to,
        text: `X-Spam-Score: 5.5\r\nMessage-ID: <1@x.test>\r\nSubject: test\r\n\r\n${body}`,
      }
      const client = await Client.connect(app.port)
      await client.reply()
      await client.ask('EHLO client.test')
      await client.ask(`MAIL FROM:<${message.from}>`)
      for (const one of to) expect(await client.ask(`RCPT TO:<${one}>`)).toMatch(/^250/)
      expect(await client.ask('DATA')).toMatch(/^354/)
      client.send(`${message.text}.\r\n`)
      await reached.promise
      client.socket.resetAndDestroy()
      goOn.resolve(undefined)
      await until('the session has ended', () => closed(app) === 1)
      const sender = senderOf(message)
      await untilAnswered(sender, app.port)
      expect([...sender.answered.values()].filter((reply) => !reply.startsWith('250'))).toEqual([])
      const copies = backend.delivered.flatMap(({ recipients }) => recipients)
      expect(copies.toSorted()).toEqual(to.map((one) => `<${one}>`))
      expect(await app.metrics()).toContain(
        `rcptwise_duplicates_suppressed_total{peer="default"} ${to.length}`,
      )
      expect(app.facts.filter(({ kind }) => kind === 'splitOpened')).toEqual([])
    },
  )
})

const closed = (app: TestApp): number =>
  app.facts.filter((fact) => fact.kind === 'sessionClosed').length

async function busy(app: TestApp): Promise<number> {
  const line = (await app.metrics())
    .split('\n')
    .find((one) => /^rcptwise_backend_connections_open\{.*state="busy"/.test(one))
  return Number(line?.split(' ').at(-1))
}

/** The next client finds everything as it should be. */
async function clean(app: TestApp, backend: FakeBackend): Promise<void> {
  const before = backend.delivered.length
  const client = await Client.connect(app.port)
  await client.reply()
  for (const line of [...hello, 'MAIL FROM:<next@x.test>', 'RCPT TO:<b@example.org>']) {
    expect(await client.ask(line)).toMatch(/^250/)
  }
  expect(await client.ask('DATA')).toMatch(/^354/)
  expect(await client.ask(text)).toMatch(/^250/)
  client.close()
  expect(backend.delivered).toHaveLength(before + 1)
  expect(backend.delivered.at(-1)).toMatchObject({
    mail: '<next@x.test>',
    recipients: ['<b@example.org>'],
  })
}
