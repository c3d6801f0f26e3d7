/** PIPELINING (RFC 2920): order, batches, and what may not be sent ahead. */
import { describe, expect, test } from 'vitest'
import { startFakeBackend } from '../support/fake-backend.ts'
import { behind, open, pipeline, start, untilEnd } from '../support/session.ts'

const envelope = ['MAIL FROM:<s@example.net>', 'RCPT TO:<a@example.org>', 'RCPT TO:<b@example.org>']

describe('what may be pipelined', () => {
  test('replies stay in order, whatever the backend answers first', async () => {
    await using backend = await startFakeBackend({
      rules: [{ on: 'RCPT', having: '<b@', say: '550 5.1.1 Unknown' }],
    })
    await using app = await start({ config: behind(backend) })
    const client = await open(app.port)
    const said = await pipeline(
      client,
      ...envelope,
      'RCPT TO:<c@elsewhere.test>',
      'RCPT TO:<nonsense',
      'RSET',
      'NOOP',
      'MAIL FROM:<>',
    )
    client.close()
    expect(said.map((reply) => reply.slice(0, 9))).toEqual([
      '250 2.1.0',
      '250 2.1.5',
      '550 5.1.1',
      '550 5.7.1',
      '501 5.1.3',
      '250 2.0.0',
      '250 2.0.0',
      '250 2.1.0',
    ])
  })

  test('the replies to a batch leave in one segment', async () => {
    await using app = await start()
    const client = await open(app.port)
    const reads: string[] = []
    client.socket.on('data', (data: Buffer) => reads.push(data.toString()))
    await pipeline(client, ...envelope, 'DATA')
    expect(reads).toHaveLength(1)
    client.send('hello\r\n.\r\nQUIT\r\n')
    await untilEnd(client)
  })

  test('the backend is shown a batch in one segment too', async () => {
    await using backend = await startFakeBackend()
    await using app = await start({ config: behind(backend) })
    const client = await open(app.port)
    await pipeline(client, ...envelope, 'DATA')
    client.close()
    const reads = backend.connections.flatMap(({ reads: all }) => all)
    expect(reads).toContain(
      'MAIL FROM:<s@example.net>\r\nRCPT TO:<a@example.org>\r\nRCPT TO:<b@example.org>\r\n',
    )
  })

  test('MAIL is refused behind: so is each RCPT, and the session goes on', async () => {
    await using backend = await startFakeBackend({
      rules: [{ on: 'MAIL', nth: 1, say: '450 4.7.1 Greylisted' }],
    })
    await using app = await start({ config: behind(backend) })
    const client = await open(app.port)
    const said = [
      ...(await pipeline(client, ...envelope, 'DATA')),
      ...(await pipeline(client, ...envelope, 'RSET')),
    ]
    client.close()
    expect(said.map((reply) => reply.slice(0, 3)).join(' ')).toBe('250 450 450 554 250 250 250 250')
  })

  test('MAIL is refused behind, and waited for: what was pipelined has no transaction, and the session goes on', async () => {
    await using backend = await startFakeBackend({
      rules: [{ on: 'MAIL', nth: 1, say: '450 4.7.1 Greylisted' }],
    })
    await using app = await start({
      config: behind(backend).replace('servers:', 'mail: at_once, servers:'),
    })
    const client = await open(app.port)
    const said = [
      ...(await pipeline(client, ...envelope, 'DATA')),
      ...(await pipeline(client, ...envelope, 'RSET')),
    ]
    client.close()
    expect(said.map((reply) => reply.slice(0, 3))).toEqual([
      '450',
      '503',
      '503',
      '503',
      '250',
      '250',
      '250',
      '250',
    ])
  })

  test('all RCPTs refused, DATA pipelined: 554, and the next transaction is a new one', async () => {
    await using backend = await startFakeBackend({
      rules: [{ on: 'RCPT', nth: 1, say: '550 5.1.1 Unknown' }],
    })
    await using app = await start({ config: behind(backend) })
    const client = await open(app.port)
    const said = await pipeline(
      client,
      'MAIL FROM:<s@example.net>',
      'RCPT TO:<x@example.org>',
      'DATA',
    )
    expect(said.map((reply) => reply.slice(0, 3))).toEqual(['250', '550', '554'])
    expect((await pipeline(client, ...envelope, 'DATA')).map((reply) => reply.slice(0, 3))).toEqual(
      ['250', '250', '250', '354'],
    )
    client.send('hello\r\n.\r\nQUIT\r\n')
    expect((await untilEnd(client)).map((line) => line.slice(0, 3))).toEqual(['250', '221'])
    expect(backend.delivered.map(({ recipients }) => recipients)).toEqual([
      ['<a@example.org>', '<b@example.org>'],
    ])
  })
})

describe('what may not be sent ahead (RFC 2920 3.1, RFC 3207 4)', () => {
  test.each([
    ['behind EHLO', 'EHLO again.test\r\nMAIL FROM:<s@example.net>\r\n', ['554 5.5.0']],
    ['behind HELO', 'HELO again.test\r\nNOOP\r\n', ['554 5.5.0']],
    ['behind STARTTLS', 'STARTTLS\r\nMAIL FROM:<evil@example.net>\r\n', ['554 5.5.0']],
    ['half a command behind STARTTLS', 'STARTTLS\r\nEH', ['554 5.5.0']],
    [
      'the text behind DATA',
      'MAIL FROM:<s@example.net>\r\nRCPT TO:<a@example.org>\r\nDATA\r\nhello\r\n.\r\n',
      ['250 2.1.0', '250 2.1.5', '554 5.5.0'],
    ],
  ])('%s', async (_name, octets, replies) => {
    await using app = await start()
    const client = await open(app.port)
    client.send(octets)
    const lines = await untilEnd(client)
    client.close()
    expect(lines.map((line) => line.slice(0, 9))).toEqual(replies)
    expect(await app.mail('a@example.org')).toEqual([])
  })

  test('the text behind a DATA that has to wait for the backend', async () => {
    await using backend = await startFakeBackend()
    await using app = await start({ config: behind(backend) })
    const client = await open(app.port)
    client.send('MAIL FROM:<s@example.net>\r\nRCPT TO:<a@example.org>\r\nDATA\r\nhello\r\n.\r\n')
    const lines = await untilEnd(client)
    expect(lines.map((line) => line.slice(0, 9))).toEqual(['250 2.1.0', '250 2.1.5', '554 5.5.0'])
    expect(backend.texts).toEqual([])
  })

  test('before the greeting', async () => {
    await using app = await start({ config: 'greet_delay: 1500ms' })
    const { Client } = await import('../support/dialogue.ts')
    const client = await Client.connect(app.port)
    client.send('EHLO early.test\r\n')
    expect((await untilEnd(client)).map((line) => line.slice(0, 9))).toEqual(['554 5.5.0'])
    const patient = await open(app.port)
    expect(await patient.ask('NOOP')).toBe('250 2.0.0 OK')
    patient.close()
    expect(
      app.facts.filter((fact) => fact.kind === 'sessionClosed').map(({ why }) => why),
    ).toContain('early talker')
  })
})
