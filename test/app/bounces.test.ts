/**
 * Strategy `bounce` over real sockets: the client's dialogue, SPF asked over DNS, and what the
 * backend gets in which order.
 */
import { expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../support/app.ts'
import { Client } from '../support/dialogue.ts'
import { type FakeBackend, type Rule, startFakeBackend } from '../support/fake-backend.ts'
import { startTxtServer } from '../support/txt-server.ts'

const recipients = '"tag@example.org": tag-only\n"strict@example.org": strict\n'
const records = { 'sender.example': 'v=spf1 ip4:127.0.0.0/8 -all' }

interface Lab extends AsyncDisposable {
  readonly app: TestApp
  readonly backend: FakeBackend
}

async function start(
  rules: readonly Rule[],
  dns: { readonly silent?: boolean } = {},
  more = '',
): Promise<Lab> {
  await using parts = new AsyncDisposableStack()
  const server = parts.use(await startTxtServer(records, dns))
  const backend = parts.use(
    await startFakeBackend({ rules, offers: ['PIPELINING', 'DSN', '8BITMIME'] }),
  )
  const app = parts.use(
    await startTestApp({
      recipients,
      config: [
        'peers: [{ name: default, strategy: bounce }]',
        'relay_domains: [example.org]',
        `backend: { servers: ["${backend.url}"] }`,
        `bounces: { dns_servers: ["${server.address}"], dns_timeout: ${dns.silent === true ? '200ms' : '1m'} }`,
        more,
      ].join('\n'),
    }),
  )
  const owned = parts.move()
  return { app, backend, [Symbol.asyncDispose]: async () => await owned.disposeAsync() }
}

async function send({ app }: Lab, from = 'shop@sender.example'): Promise<string> {
  const client = await Client.connect(app.port)
  await client.reply()
  await client.ask('EHLO out.sender.example')
  await client.ask(`MAIL FROM:<${from}> RET=FULL ENVID=e1`)
  await client.ask('RCPT TO:<tag@example.org>')
  await client.ask('RCPT TO:<strict@example.org>')
  await client.ask('DATA')
  const said = await client.ask('X-Spam-Score: 9\r\nSubject: offer\r\n\r\nBuy.\r\n.')
  client.close()
  return said
}

const taken = ({ backend }: Lab): string[] =>
  backend.delivered.map(({ mail, recipients: to }) => `${mail} ${to.join(' ')}`)

test('the backend has the message and then the report, before the client hears 250', async () => {
  await using lab = await start([])
  expect(await send(lab)).toMatch(/^250 /)
  expect(taken(lab)).toEqual([
    expect.stringMatching(/^<shop@sender\.example> .*<tag@example\.org>$/),
    expect.stringMatching(/^<> ?<shop@sender\.example>$/),
  ])
  const report = lab.backend.delivered.at(-1)?.text.toString() ?? ''
  for (const line of [
    'To: <shop@sender.example>',
    'Original-Envelope-Id: e1',
    'Final-Recipient: rfc822; strict@example.org',
    'Status: 5.7.1',
    'Content-Type: message/rfc822',
    'Buy.',
  ])
    expect(report).toContain(`\r\n${line}\r\n`)
  expect(report).not.toContain('tag@example.org')
  expect(await lab.app.metrics()).toContain(
    'rcptwise_bounces_total{peer="default",result="reported"} 1',
  )
})

interface Case {
  readonly from?: string
  readonly rules?: readonly Rule[]
  readonly silent?: boolean
  readonly result: string
}
const cases: Readonly<Record<string, Case>> = {
  'nobody vouches': { from: 'shop@other.example', result: 'unvouched' },
  'DNS does not answer': { silent: true, result: 'unvouched' },
  'the backend does not relay': {
    rules: [{ on: 'RCPT', having: 'shop@', say: '554 5.7.1 Relay access denied' }],
    result: 'undeliverable',
  },
}

test.each(Object.entries(cases))(
  '%s: as lenient',
  async (_name, { from, rules = [], silent = false, result }) => {
    await using lab = await start(rules, { silent })
    expect(await send(lab, from)).toMatch(/^250 /)
    expect(taken(lab)).toEqual([expect.stringContaining('<tag@example.org> <strict@example.org>')])
    expect(lab.backend.delivered[0]?.text.toString()).toContain('X-Rcptwise-Verdict: tag')
    expect(lab.app.facts).toContainEqual(expect.objectContaining({ kind: 'bounce', result }))
  },
)

test('the report is not taken: 451, and at the next attempt only the report is sent', async () => {
  await using lab = await start([{ on: 'dot', nth: 2, say: '452 4.3.1 Disk full' }])
  expect(await send(lab)).toMatch(/^451 4\.5\.3 /)
  expect(await send(lab)).toMatch(/^250 /)
  expect(taken(lab).filter((line) => line.startsWith('<shop'))).toHaveLength(1)
  expect(taken(lab).at(-1)).toMatch(/^<> ?<shop@sender\.example>$/)
})

test('nobody answers for the report in time: 451', async () => {
  const { promise: never, resolve } = Promise.withResolvers<undefined>()
  await using lab = await start([{ on: 'dot', nth: 2, hold: never }], {}, 'timeouts: { reply: 1s }')
  expect(await send(lab)).toMatch(/^451 /)
  resolve(undefined)
})
