/**
 * Every limit and time-out of the configuration by its name: what the client hears, and whether the
 * session goes on.
 */
import { describe, expect, test } from 'vitest'
import { Client } from '../support/dialogue.ts'
import { startFakeBackend } from '../support/fake-backend.ts'
import { behind, open, pipeline, start, untilEnd } from '../support/session.ts'

const envelope = 'MAIL FROM:<s@example.net>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n'

describe('limits', () => {
  test.each<[string, string, string, string[]]>([
    [
      'message_size: 64KiB',
      'MAIL FROM:<s@example.net> SIZE=65537\r\nNOOP\r\nQUIT\r\n',
      '',
      ['552 5.3.4', '250 2.0.0', '221 2.0.0'],
    ],
    [
      'message_size: 64KiB',
      envelope,
      `${'a'.repeat(70)}\r\n`.repeat(1000),
      ['250', '250', '354', '552 5.3.4', '221 2.0.0'],
    ],
    [
      'text_line: 1000',
      envelope,
      `${'a'.repeat(1001)}\r\n`,
      ['250', '250', '354', '550 5.6.0', '221 2.0.0'],
    ],
    [
      'header: 4KiB',
      envelope,
      `X: ${'a'.repeat(500)}\r\n`.repeat(9),
      ['250', '250', '354', '552 5.6.0', '221 2.0.0'],
    ],
    [
      'command_line: 512',
      `NOOP ${'a'.repeat(506)}\r\nNOOP ${'a'.repeat(505)}\r\nQUIT\r\n`,
      '',
      ['500 5.5.2', '250 2.0.0', '221 2.0.0'],
    ],
    [
      'recipients: 1',
      `MAIL FROM:<>\r\nRCPT TO:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nQUIT\r\n`,
      '',
      ['250', '250', '452 4.5.3', '221'],
    ],
    [
      'transactions_per_session: 1',
      `MAIL FROM:<>\r\nRSET\r\nMAIL FROM:<>\r\nNOOP\r\n`,
      '',
      ['250', '250', '421 4.7.0'],
    ],
    [
      'errors_per_session: 2',
      'FOO\r\nMAIL FROM:nonsense@\r\nEXPN x\r\nNOOP\r\n',
      '',
      ['500', '501', '421 4.7.0'],
    ],
  ])('%s', async (limit, commands, text, replies) => {
    await using app = await start({ config: `limits: { ${limit} }` })
    const client = await open(app.port)
    client.send(commands)
    const lines: string[] = []
    if (text !== '') {
      for (let i = 0; i < 3; i++) lines.push(...(await client.reply()))
      client.send(`${text}.\r\nQUIT\r\n`)
    }
    lines.push(...(await untilEnd(client)))
    client.close()
    expect(lines.map((line, i) => line.slice(0, replies[i]?.length))).toEqual(replies)
    expect(await app.mail('a@example.org')).toEqual([])
  })

  test.each(['sessions: 1', 'sessions_per_address: 1'])('%s', async (limit) => {
    await using app = await start({ config: `limits: { ${limit} }` })
    const first = await open(app.port)
    const second = await Client.connect(app.port)
    expect((await untilEnd(second)).map((line) => line.slice(0, 9))).toEqual(['421 4.7.0'])
    second.close()
    expect(await first.ask('NOOP')).toBe('250 2.0.0 OK')
    await first.ask('QUIT')
    first.close()
    await expect
      .poll(async () => {
        const third = await Client.connect(app.port)
        const [greeting = ''] = await third.reply()
        third.close()
        return greeting.slice(0, 3)
      })
      .toBe('220')
    const refused = app.facts
      .filter((fact) => fact.kind === 'connectionRefused')
      .map((fact) => fact.limit)
    expect(refused[0]).toBe(limit.split(':')[0])
  })

  test('1000 recipients in one transaction, one more is told to wait', async () => {
    await using backend = await startFakeBackend()
    await using app = await start({ config: behind(backend) })
    const client = await open(app.port)
    const rcpts = Array.from({ length: 1001 }, (_, i) => `RCPT TO:<r${i}@example.org>`)
    const said = await pipeline(client, 'MAIL FROM:<s@example.net>', ...rcpts, 'DATA')
    expect(said.filter((line) => line.startsWith('250'))).toHaveLength(1001)
    expect(said.at(-2)).toMatch(/^452 4\.5\.3/)
    client.send('hello\r\n.\r\n')
    expect((await client.reply())[0]).toMatch(/^250/)
    client.close()
    expect(backend.delivered.map(({ recipients }) => recipients.length)).toEqual([1000])
  })
})

describe.concurrent('timeouts', () => {
  test.each<[string, string, string[]]>([
    ['command: 1500ms', '', ['421 4.4.2']],
    ['command: 1500ms', 'MAIL FROM:<>\r\n', ['250', '421 4.4.2']],
    ['text: 1500ms', envelope, ['250', '250', '354', '421 4.4.2']],
  ])('%s after %j', async (timeout, commands, replies) => {
    await using app = await start({ config: `timeouts: { ${timeout}, shutdown: 100ms }` })
    const client = await open(app.port)
    client.send(commands)
    const lines = await untilEnd(client)
    client.close()
    expect(lines.map((line, i) => line.slice(0, replies[i]?.length))).toEqual(replies)
  })

  test('reply: 1500ms while the backend says nothing to the text; nobody has said yes', async () => {
    await using backend = await startFakeBackend({ rules: [{ on: 'dot', silent: true }] })
    await using app = await start({
      config: `${behind(backend)}timeouts: { reply: 1500ms, shutdown: 100ms }`,
    })
    const client = await open(app.port)
    await pipeline(client, ...envelope.trimEnd().split('\r\n'))
    client.send('hello\r\n.\r\n')
    expect((await client.reply())[0]).toMatch(/^451 4\.4\.2 .*retry=/)
    expect(await client.ask('NOOP')).toBe('250 2.0.0 OK')
    client.close()
  })

  test('command: a client that waits for a slow backend is not idle', async () => {
    const hold = new Promise((resolve) => setTimeout(resolve, 3000))
    await using backend = await startFakeBackend({ rules: [{ on: 'RCPT', hold }] })
    await using app = await start({
      config: `${behind(backend)}timeouts: { command: 1500ms, shutdown: 100ms }`,
    })
    const client = await open(app.port)
    expect(
      (await pipeline(client, ...envelope.trimEnd().split('\r\n'))).map((line) => line.slice(0, 3)),
    ).toEqual(['250', '250', '354'])
    client.close()
  })

  test('tls_handshake: 200ms', async ({ expect }) => {
    await using app = await start({ config: 'timeouts: { tls_handshake: 200ms, shutdown: 100ms }' })
    const client = await open(app.port)
    expect(await client.ask('STARTTLS')).toMatch(/^220/)
    await untilEnd(client)
    client.close()
    await expect.poll(() => app.facts.some((fact) => fact.kind === 'sessionClosed')).toBe(true)
  })

  test('shutdown: sessions between transactions hear 421, the others may finish', async () => {
    await using app = await start({ config: 'timeouts: { shutdown: 10s }' })
    const idle = await open(app.port)
    const busy = await open(app.port)
    await pipeline(busy, ...envelope.trimEnd().split('\r\n'))
    const closing = app.app.close()
    expect((await untilEnd(idle)).map((line) => line.slice(0, 9))).toEqual(['421 4.3.2'])
    idle.close()
    busy.send('hello\r\n.\r\n')
    expect((await untilEnd(busy)).map((line) => line.slice(0, 3))).toEqual(['250', '421'])
    busy.close()
    await closing
    expect(await app.mail('a@example.org')).toHaveLength(1)
  })
})

test('a client that does not read is waited for, and loses nothing', async () => {
  await using app = await start()
  const client = await open(app.port)
  client.socket.pause()
  const commands = 20_000
  client.send('HELP\r\n'.repeat(commands))
  await new Promise((resolve) => setTimeout(resolve, 300))
  client.socket.resume()
  let replies = 0
  for (; replies < commands; replies++) if ((await client.line()) === undefined) break
  client.close()
  expect(replies).toBe(commands)
})
