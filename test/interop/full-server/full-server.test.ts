/**
 * Servers behind that are at their own limit, with more clients in front than they have room for.
 *
 *   24 clients at a time, and idle ones ─▶ Rcptwise ─▶ Postfix or Exim that takes three connections
 *
 * Every message is taken while it is offered, none is put off, and the server is not taken for one
 * that is down.
 */
import { afterEach, describe, expect, test } from 'vitest'
import { Client } from '../../support/dialogue.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { startExim } from '../../support/lab/exim.ts'
import { type FrontEnd, startFrontEnd } from '../../support/lab/front-end.ts'
import { startPostfix } from '../../support/lab/postfix.ts'

const to = 'a@example.org'
const room = 3

interface Limited extends AsyncDisposable {
  readonly port: number
  /** Messages that it has taken. */
  readonly taken: () => Promise<number>
}

async function postfix(main: readonly string[], processes = '-'): Promise<Limited> {
  const server = await startPostfix({
    server: { mailboxes: [to] },
    main: ['smtpd_client_event_limit_exceptions =', ...main],
    listener: (port) => `127.0.0.1:${port} inet n - n - ${processes} smtpd`,
  })
  return {
    port: server.port,
    taken: async () => {
      await server.empty()
      return (await server.mailbox(to)).length
    },
    [Symbol.asyncDispose]: async () => await server[Symbol.asyncDispose](),
  }
}

async function exim(main: readonly string[]): Promise<Limited> {
  const server = await startExim({ server: { mailboxes: [to] }, main: () => main })
  return {
    port: server.port,
    taken: async () => {
      await server.empty()
      return (await server.mailbox(to)).length
    },
    [Symbol.asyncDispose]: async () => await server[Symbol.asyncDispose](),
  }
}

/** Hosts that may say XCLIENT have no limit of connections (smtpd(8)). */
const strangers = ['smtpd_authorized_xclient_hosts =']

const servers: [string, () => Promise<Limited>][] = [
  [
    'Postfix, smtpd_client_connection_count_limit',
    async () => await postfix([...strangers, `smtpd_client_connection_count_limit = ${room}`]),
  ],
  [
    'Postfix, the process limit in master.cf',
    async () => await postfix(['smtpd_client_connection_count_limit = 0'], `${room}`),
  ],
  [
    'Exim, smtp_accept_max_per_host',
    async () => await exim([`smtp_accept_max_per_host = ${room}`]),
  ],
  ['Exim, smtp_accept_max', async () => await exim([`smtp_accept_max = ${room}`])],
]

const idle: Client[] = []
afterEach(() => {
  for (const client of idle.splice(0)) client.close()
})

async function begin(port: number): Promise<Client> {
  const client = await Client.connect(port)
  await client.reply()
  await client.ask('EHLO client.test')
  expect(await client.ask('MAIL FROM:<s@client.test>')).toMatch(/^250 /)
  expect(await client.ask(`RCPT TO:<${to}>`)).toMatch(/^250 /)
  return client
}

async function finish(client: Client, subject: string): Promise<string> {
  expect(await client.ask('DATA')).toMatch(/^354 /)
  return await client.ask(
    `Subject: ${subject}\r\nMessage-ID: <${crypto.randomUUID()}@client.test>\r\n\r\nhello\r\n.`,
  )
}

/** How many of so many messages, all at the same time, were answered 250. */
async function taken(rcptwise: FrontEnd, count: number): Promise<number> {
  const one = async (_: unknown, n: number): Promise<string> => {
    const client = await begin(rcptwise.port)
    const answer = await finish(client, `number ${n}`)
    client.close()
    return answer
  }
  const answers = await Promise.all(Array.from({ length: count }, one))
  return answers.filter((answer) => answer.startsWith('250 ')).length
}

describe.skipIf(interopObstacle() !== undefined).each(servers)('%s', (_, start) => {
  test('all messages are taken, also those of clients that take their time, and it is not down', async () => {
    await using server = await start()
    const config = {
      backend: { servers: [`smtp://127.0.0.1:${server.port}`], connect_timeout: '5s' },
    }
    await using rcptwise = await startFrontEnd({ backend: server.port, config })
    for (let i = 0; i < 2 * room; i++) idle.push(await begin(rcptwise.port))
    expect(await taken(rcptwise, 24), rcptwise.log()).toBe(24)
    for (const [n, client] of idle.entries())
      expect(await finish(client, `late ${n}`)).toMatch(/^250 /)
    expect(await server.taken()).toBe(24 + 2 * room)
    expect(rcptwise.log()).not.toContain('backendEjected')
    expect(await rcptwise.metric('rcptwise_backend_up')).toBe(1)
  })
})
