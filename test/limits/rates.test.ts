/**
 * Limits of clients over real sockets: what each is told, that it is counted, and that the session
 * goes on where it may.
 */
import { describe, expect, test } from 'vitest'
import { behind, open, pipeline, start, untilEnd } from '../support/session.ts'
import type { TestApp } from '../support/app.ts'
import { Client } from '../support/dialogue.ts'
import { startFakeBackend } from '../support/fake-backend.ts'

/** The first line that the server says to a new connection. */
async function greeting(port: number, from?: string): Promise<string> {
  const client = await Client.connect(port, '127.0.0.1', from)
  const [line = 'nothing'] = await client.reply()
  client.close()
  return line
}

const hits = async (app: TestApp, limit: string): Promise<number> =>
  Number(
    new RegExp(`^rcptwise_limit_hits_total\\{limit="${limit}"\\} (\\d+)$`, 'm').exec(
      await app.metrics(),
    )?.[1],
  )

describe('before the greeting', () => {
  test('sessions_per_network: the addresses of a /24 together', async () => {
    await using app = await start({ config: 'limits: { sessions_per_network: 2 }' })
    const clients = [
      await Client.connect(app.port, '127.0.0.1', '127.0.0.7'),
      await Client.connect(app.port),
    ]
    for (const client of clients) await client.reply()
    expect(await greeting(app.port, '127.0.0.9')).toMatch(/^421 4\.7\.0 .*network.*retry=/)
    expect(await greeting(app.port, '127.0.1.9')).toMatch(/^220/)
    for (const client of clients) client.close()
    expect(await hits(app, 'sessions_per_network')).toBe(1)
  })

  test('sessions of a class, and other limits for the class', async () => {
    const own = 'limits: { sessions: 2, sessions_per_address: 2 }'
    const peers = `peers: [{ name: partners, match: { address: [127.0.2.0/24] }, ${own} }]`
    await using app = await start({ config: `limits: { sessions_per_address: 1 }\n${peers}` })
    const clients: Client[] = []
    for (const from of ['127.0.2.1', '127.0.2.1', '127.0.0.1']) {
      const client = await Client.connect(app.port, '127.0.0.1', from)
      clients.push(client)
      expect((await client.reply())[0]).toMatch(/^220/)
    }
    expect(await greeting(app.port, '127.0.2.2')).toMatch(/^421 4\.7\.0 .*of your kind/)
    expect(await greeting(app.port, '127.0.0.1')).toMatch(/^421 4\.7\.0 .*from your address/)
    for (const client of clients) client.close()
    expect([await hits(app, 'sessions_of_class'), await hits(app, 'sessions_per_address')]).toEqual(
      [1, 1],
    )
  })

  test('connections_per_minute; trusted networks have no rate', async () => {
    const clock = { now: 1_800_000_000_000 }
    const config = 'limits: { connections_per_minute: 2 }\ntrusted: [127.0.3.0/24]'
    await using app = await start({ config, now: () => clock.now })
    const codes: string[] = []
    for (let i = 0; i < 3; i++) codes.push((await greeting(app.port)).slice(0, 9))
    expect(codes.map((line) => line.slice(0, 3))).toEqual(['220', '220', '421'])
    for (let i = 0; i < 3; i++) expect(await greeting(app.port, '127.0.3.1')).toMatch(/^220/)
    clock.now += 60_000
    expect(await greeting(app.port)).toMatch(/^220/)
    expect(await hits(app, 'connections_per_minute')).toBe(1)
  })

  test('errors_per_minute: the session ends, and for a while none begins', async () => {
    const clock = { now: 1_800_000_000_000 }
    await using app = await start({
      config: 'limits: { errors_per_minute: 2 }',
      now: () => clock.now,
    })
    const client = await open(app.port)
    client.send('FOO\r\nFOO\r\nFOO\r\nNOOP\r\n')
    expect((await untilEnd(client)).map((line) => line.slice(0, 9))).toEqual([
      '500 5.5.2',
      '500 5.5.2',
      '421 4.7.0',
    ])
    client.close()
    expect(await greeting(app.port)).toMatch(/^421 4\.7\.0 .*errors/)
    clock.now += 60_000
    expect(await greeting(app.port)).toMatch(/^220/)
  })
})

describe('in a session', () => {
  test('messages_per_minute: 451 to MAIL, and one more later in the same session', async () => {
    const clock = { now: 1_800_000_000_000 }
    await using app = await start({
      config: 'limits: { messages_per_minute: 1 }',
      now: () => clock.now,
    })
    const client = await open(app.port)
    const codes = await pipeline(client, 'MAIL FROM:<>', 'RSET', 'MAIL FROM:<>', 'NOOP')
    expect(codes.map((line) => line.slice(0, 9))).toEqual([
      '250 2.1.0',
      '250 2.0.0',
      '451 4.7.1',
      '250 2.0.0',
    ])
    clock.now += 60_000
    expect(await client.ask('MAIL FROM:<>')).toMatch(/^250/)
    client.close()
    expect(await hits(app, 'messages_per_minute')).toBe(1)
  })

  test('recipients_per_minute, 451 to RCPT; limits.md: “A recipient put off by a rate is like one that your mail server answered 4yz: in that transaction Rcptwise says no 5xx after the text (rule 2).”', async () => {
    const config = `limits: { recipients_per_minute: 1 }\npolicies: { strict: { reject_at: 8 } }\nrecipients: { default: strict }`
    await using app = await start({ config })
    const client = await open(app.port)
    const said = await pipeline(
      client,
      'MAIL FROM:<s@example.net>',
      'RCPT TO:<a@example.org>',
      'RCPT TO:<b@example.org>',
      'DATA',
    )
    expect(said.map((line) => line.slice(0, 9))).toEqual([
      '250 2.1.0',
      '250 2.1.5',
      '451 4.7.1',
      '354 End t',
    ])
    client.send('X-Spam-Score: 20\r\n\r\nspam\r\n.\r\n')
    expect((await client.reply())[0]).toMatch(/^451 4\.5\.3/)
    client.close()
    expect(await hits(app, 'recipients_per_minute')).toBe(1)
    const [transaction] = app.transactions()
    expect(transaction?.recipients.map(({ fate }) => fate)).toEqual(['deferred', 'postponed'])
  })

  test('limits.md: “A rate counts what the client offers: a recipient whom Rcptwise defers to split (see strategies.md) counts again on the retry.”', async () => {
    const config = 'limits: { recipients_per_minute: 3 }'
    await using app = await start({ config, recipients: 'b@example.org: strict' })
    const client = await open(app.port)
    const [a, b] = ['RCPT TO:<a@example.org>', 'RCPT TO:<b@example.org>'] as const
    const first = await pipeline(client, 'MAIL FROM:<s@example.net>', a, b, 'RSET')
    const again = await pipeline(client, 'MAIL FROM:<s@example.net>', b, a)
    const codes = [...first.slice(1, 3), ...again.slice(1)].map((line) => line.slice(0, 9))
    expect(codes).toEqual(['250 2.1.5', '451 4.5.3', '250 2.1.5', '451 4.7.1'])
    client.close()
  })

  test('text_minimum_rate: a text in single octets is ended, whatever its pauses', async () => {
    const config =
      'limits: { text_minimum_rate: 100000 }\ntimeouts: { text: 1500ms, shutdown: 100ms }'
    await using app = await start({ config })
    const client = await open(app.port)
    await pipeline(client, 'MAIL FROM:<s@example.net>', 'RCPT TO:<a@example.org>', 'DATA')
    const drops = setInterval(() => client.send('x'), 50)
    const lines = await untilEnd(client).finally(() => clearInterval(drops))
    client.close()
    expect(lines.map((line) => line.slice(0, 9))).toEqual(['421 4.4.2'])
    expect(lines[0]).toMatch(/too slowly/)
    expect(await hits(app, 'text_minimum_rate')).toBe(1)
    expect(await app.mail('a@example.org')).toEqual([])
  })

  test('limits.md: “Single octets do not prolong the time for a command.”', async () => {
    await using app = await start({ config: 'timeouts: { command: 1500ms, shutdown: 100ms }' })
    const client = await open(app.port)
    const drops = setInterval(() => client.send('N'), 50)
    const lines = await untilEnd(client).finally(() => clearInterval(drops))
    client.close()
    expect(lines.map((line) => line.slice(0, 9))).toEqual(['421 4.4.2'])
  })
})

test('limits.md: “Rcptwise does not read from a client that does not read its replies, and ends its session after timeouts.command.”', async () => {
  await using app = await start({ config: 'timeouts: { command: 1500ms, shutdown: 100ms }' })
  const client = await open(app.port)
  client.socket.on('error', () => undefined)
  client.socket.pause()
  for (let i = 0; i < 20; i++) client.send('HELP\r\n'.repeat(20_000))
  await expect
    .poll(() => app.facts.find((fact) => fact.kind === 'sessionClosed')?.why, { timeout: 20_000 })
    .toBe('idle')
  client.close()
})

describe('limits.md: “table under Memory and disk in all”', () => {
  const text = `Subject: large\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(1500)}`
  const envelope = ['MAIL FROM:<s@example.net>', 'RCPT TO:<a@example.org>', 'DATA'] as const

  test('spool.total_memory, texts go to files, and arrive; limits.md: “rcptwise_spool_bytes{kind="memory"} and {kind="disk"} are what Rcptwise keeps now.”', async () => {
    await using app = await start({ config: 'spool: { total_memory: 10KB }' })
    const client = await open(app.port)
    await pipeline(client, ...envelope)
    client.send(`${text}.\r\n`)
    expect((await client.reply())[0]).toMatch(/^250/)
    client.close()
    expect(await app.mail('a@example.org')).toHaveLength(1)
    expect(await hits(app, 'total_memory')).toBe(1)
    await expect
      .poll(async () => await app.metrics())
      .toMatch(/^rcptwise_spool_bytes\{kind="disk"\} 0$/m)
    expect(await app.metrics()).toMatch(/^rcptwise_spool_bytes\{kind="memory"\} 0$/m)
  })

  test('spool.total_disk: 452 to MAIL with SIZE, else at the end of the text; the session goes on', async () => {
    await using app = await start({ config: 'spool: { memory: 1KB, total_disk: 50KB }' })
    const client = await open(app.port)
    expect(await client.ask('MAIL FROM:<s@example.net> SIZE=100000')).toMatch(
      /^452 4\.3\.1 .*retry=/,
    )
    await pipeline(client, ...envelope)
    client.send(`${text}.\r\n`)
    expect((await client.reply())[0]).toMatch(/^452 4\.3\.1 .*retry=/)
    await pipeline(client, ...envelope)
    client.send('Subject: small\r\n\r\nhello\r\n.\r\n')
    expect((await client.reply())[0]).toMatch(/^250/)
    client.close()
    expect(await app.mail('a@example.org')).toHaveLength(1)
    expect(await hits(app, 'total_disk')).toBe(2)
  })

  test('a text under way is counted, and forgotten with its session', async () => {
    await using app = await start()
    const client = await open(app.port)
    await pipeline(client, ...envelope)
    client.send('Subject: under way\r\n\r\nhello\r\n')
    const memory = async (): Promise<number> =>
      Number(/^rcptwise_spool_bytes\{kind="memory"\} (\d+)$/m.exec(await app.metrics())?.[1])
    await expect.poll(memory).toBeGreaterThan(20)
    client.close()
    await expect.poll(memory).toBe(0)
  })
})

test('limits.md: “Rcptwise stops reading from a client once 64 KiB of its commands wait for their turn.”', async () => {
  const held = Promise.withResolvers<undefined>()
  await using backend = await startFakeBackend({ rules: [{ on: 'RCPT', hold: held.promise }] })
  await using app = await start({ config: behind(backend) })
  const client = await open(app.port)
  await client.ask('MAIL FROM:<s@example.net>')
  client.send('RCPT TO:<a@example.org>\r\n')
  // The system's own buffers take some megabytes more.
  const line = `NOOP ${'x'.repeat(1000)}\r\n`
  let sent = 0
  while (client.socket.writableLength < 1_000_000 && sent < 60_000) {
    client.send(line)
    sent++
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(client.socket.writableLength).toBeGreaterThanOrEqual(1_000_000)
  held.resolve(undefined)
  await client.reply()
  for (let i = 0; i < sent; i++) expect((await client.reply())[0]).toBe('250 2.0.0 OK')
  client.close()
})
