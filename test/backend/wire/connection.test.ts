/**
 * One connection to a backend: replies in the order of their commands, whatever the backend does.
 */
import { createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { type ReplyOrFailed, isFailed } from '../../../src/backend/wire/command-reply.ts'
import type { SmtpConnection } from '../../../src/backend/wire/connection.ts'
import { openSmtp } from '../../../src/backend/wire/open-smtp.ts'
import { type FakeBackendOptions, startFakeBackend } from '../../support/fake-backend.ts'
import { until } from '../../support/lab/until.ts'

const patient = { helo: 'mx.test', connectTimeoutMs: 10_000, replyTimeoutMs: 10_000 }

async function open(
  port: number,
  limits: Partial<typeof patient> = {},
): Promise<SmtpConnection & AsyncDisposable> {
  const connection = await openSmtp({ host: '127.0.0.1', port, ...patient, ...limits })
  return Object.assign(connection, {
    [Symbol.asyncDispose]: async () => {
      connection.destroy('the test is over')
      await Promise.resolve()
    },
  })
}

const ask = async (connection: SmtpConnection, line: string): Promise<string> =>
  await new Promise((resolve) => connection.command(line, (heard) => resolve(words(heard))))
const words = (heard: ReplyOrFailed): string =>
  isFailed(heard) ? `lost: ${heard.failed}` : `${heard.code} ${heard.lines.join(' / ')}`

async function openFails(
  options: FakeBackendOptions,
  limits: Partial<typeof patient> = {},
): Promise<string> {
  await using backend = await startFakeBackend(options)
  const why = await openSmtp({
    host: '127.0.0.1',
    port: backend.port,
    ...patient,
    ...limits,
  }).then(
    () => 'it was opened',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  )
  await until('nothing stays open', () => backend.open() === 0)
  return why
}

describe('opening', () => {
  test('EHLO says what the backend can', async () => {
    await using backend = await startFakeBackend({
      offers: ['PIPELINING', 'SIZE 1000', '8BITMIME'],
    })
    await using connection = await open(backend.port)
    expect(Object.fromEntries(connection.extensions)).toMatchObject({
      PIPELINING: '',
      SIZE: '1000',
      '8BITMIME': '',
    })
    expect(backend.lines()).toEqual(['EHLO mx.test'])
  })

  test('HELO where EHLO is unknown', async () => {
    await using backend = await startFakeBackend({ offers: 'HELO only' })
    await using connection = await open(backend.port)
    expect(connection.extensions.size).toBe(0)
    expect(backend.lines()).toEqual(['EHLO mx.test', 'HELO mx.test'])
  })

  test('a greeting and EHLO that come octet by octet, in several lines', async () => {
    await using backend = await startFakeBackend({
      rules: [
        { on: 'connect', say: ['220-backend.test', '220-no spam', '220 please'], slowly: true },
        { on: 'EHLO', say: ['250-backend.test', '250 8BITMIME'], slowly: true },
      ],
    })
    await using connection = await open(backend.port)
    expect([...connection.extensions.keys()]).toEqual(['8BITMIME'])
  })

  test.each<[string, FakeBackendOptions, RegExp]>([
    [
      '421 at the greeting',
      { rules: [{ on: 'connect', say: '421 4.3.2 too busy', then: 'close' }] },
      /421 4\.3\.2 too busy/,
    ],
    [
      '554 at the greeting',
      { rules: [{ on: 'connect', say: '554 5.7.1 not you' }] },
      /greeting: 554 5\.7\.1 not you/,
    ],
    [
      'another protocol',
      { rules: [{ on: 'connect', raw: '* OK IMAP4rev1\r\n' }] },
      /expected an SMTP reply, got "\* OK/,
    ],
    [
      'an HTTP error page',
      { rules: [{ on: 'connect', raw: 'HTTP/1.1 400 Bad Request\r\n\r\n' }] },
      /got "HTTP/,
    ],
    [
      'a line without end',
      { rules: [{ on: 'connect', raw: 'x'.repeat(5000) }] },
      /expected an SMTP reply/,
    ],
    [
      'lines without end',
      { rules: [{ on: 'connect', raw: `220-${'x\r\n'.repeat(400_000)}` }] },
      /a reply without an end/,
    ],
    [
      'a closed connection',
      { rules: [{ on: 'connect', silent: true, then: 'close' }] },
      /closed the connection/,
    ],
    ['a reset', { rules: [{ on: 'connect', silent: true, then: 'reset' }] }, /ECONNRESET/],
    [
      '421 at EHLO',
      { rules: [{ on: 'EHLO', say: '421 4.7.0 come later', then: 'close' }] },
      /EHLO: 421 4\.7\.0 come later/,
    ],
    [
      '450 at EHLO',
      { rules: [{ on: 'EHLO', say: '450 4.7.0 not now' }] },
      /EHLO: 450 4\.7\.0 not now/,
    ],
    [
      '550 at HELO',
      { offers: 'HELO only', rules: [{ on: 'HELO', say: '550 5.7.1 no' }] },
      /HELO: 550 5\.7\.1 no/,
    ],
    [
      'a close at EHLO',
      { rules: [{ on: 'EHLO', silent: true, then: 'close' }] },
      /closed the connection/,
    ],
    [
      'a code that is none',
      { rules: [{ on: 'connect', say: '199 what' }] },
      /expected an SMTP reply/,
    ],
  ])('fails with the reason: %s', async (_, options, reason) => {
    expect(await openFails(options)).toMatch(reason)
  })

  test.each<[string, FakeBackendOptions]>([
    ['greeting', { rules: [{ on: 'connect', silent: true }] }],
    ['EHLO', { rules: [{ on: 'EHLO', silent: true }] }],
  ])('does not wait for ever: %s', async (step, options) => {
    expect(await openFails(options, { connectTimeoutMs: 50 })).toMatch(/no answer within 50 ms/)
    expect(step).not.toBe('')
  })

  test('nobody listens', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    await new Promise((resolve) => server.close(resolve))
    await expect(open(port)).rejects.toThrow('ECONNREFUSED')
  })
})

describe('commands', () => {
  test('of one turn leave in one write, and are answered in order', async () => {
    await using backend = await startFakeBackend({
      rules: [{ on: 'RCPT', having: '<b', say: '550 5.1.1 no b' }],
    })
    await using connection = await open(backend.port)
    const answers = await Promise.all(
      ['MAIL FROM:<>', 'RCPT TO:<a@x>', 'RCPT TO:<b@x>', 'RCPT TO:<c@x>'].map(
        async (line) => await ask(connection, line),
      ),
    )
    expect(answers).toEqual(['250 2.1.0 Ok', '250 2.1.5 Ok', '550 5.1.1 no b', '250 2.1.5 Ok'])
    expect(backend.connections[0]?.reads.at(-1)).toBe(
      'MAIL FROM:<>\r\nRCPT TO:<a@x>\r\nRCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\n',
    )
    expect(connection.errors).toBe(1)
  })

  test('that are no single line are answered for the server, which never hears of them', async () => {
    await using backend = await startFakeBackend()
    await using connection = await open(backend.port)
    const hostile = [
      'RCPT TO:<a\r\nDATA>',
      'RCPT TO:<a\nb@x>',
      'RCPT TO:<a@\u4e0d\u4e0aDATA>',
      'RCPT TO:<a\0@x>',
      '',
    ]
    const lines = ['MAIL FROM:<>', ...hostile, 'RCPT TO:<b@x>']
    const answers = await Promise.all(lines.map(async (line) => await ask(connection, line)))
    expect(answers.map((answer) => answer.slice(0, 3))).toEqual([
      '250',
      ...hostile.map(() => '451'),
      '250',
    ])
    expect(backend.lines().slice(1)).toEqual(['MAIL FROM:<>', 'RCPT TO:<b@x>'])
  })

  test('wait for each other where the backend does not pipeline', async () => {
    await using backend = await startFakeBackend({ offers: ['8BITMIME'] })
    await using connection = await open(backend.port)
    const lines = ['MAIL FROM:<>', 'RCPT TO:<a@x>', 'RCPT TO:<b@x>', 'NOOP', 'RSET']
    await Promise.all(lines.map(async (line) => await ask(connection, line)))
    expect(backend.connections[0]?.pipelined).toBe(false)
    expect(backend.lines().slice(1)).toEqual(lines)
  })

  test('that are given while a reply is heard do not overtake those that wait', async () => {
    await using backend = await startFakeBackend({ offers: [] })
    await using connection = await open(backend.port)
    const last = new Promise<string>((resolve) => {
      connection.command('MAIL FROM:<>', () =>
        connection.command('RSET', (heard) => resolve(words(heard))),
      )
      connection.command('RCPT TO:<a@x>', () => undefined)
      connection.command('RCPT TO:<b@x>', () => undefined)
    })
    expect(await last).toBe('250 2.0.0 Ok')
    expect(backend.lines().slice(1)).toEqual([
      'MAIL FROM:<>',
      'RCPT TO:<a@x>',
      'RCPT TO:<b@x>',
      'RSET',
    ])
  })

  test('that are not answered are lost, all of them, after the time limit', async () => {
    await using backend = await startFakeBackend({
      rules: [{ on: 'RCPT', nth: 2, silent: true, hold: Promise.race([]) }],
    })
    await using connection = await open(backend.port, { replyTimeoutMs: 1000 })
    const answers = ['MAIL FROM:<>', 'RCPT TO:<a@x>', 'RCPT TO:<b@x>', 'RCPT TO:<c@x>'].map(
      async (line) => await ask(connection, line),
    )
    expect(await Promise.all(answers)).toEqual([
      '250 2.1.0 Ok',
      '250 2.1.5 Ok',
      'lost: no reply in time',
      'lost: no reply in time',
    ])
    expect(await ask(connection, 'NOOP')).toBe('lost: no reply in time')
  })

  test.each<[string, 'close' | 'reset', RegExp]>([
    ['FIN', 'close', /^lost: the backend closed the connection/],
    ['RST', 'reset', /^lost: ECONNRESET/],
  ])('behind the end of the connection are lost (%s)', async (_, then, reason) => {
    await using backend = await startFakeBackend({ rules: [{ on: 'RCPT', silent: true, then }] })
    await using connection = await open(backend.port)
    const ends: string[] = []
    connection.onEnd = (why) => ends.push(why)
    const answers = ['MAIL FROM:<>', 'RCPT TO:<a@x>', 'RCPT TO:<b@x>'].map(
      async (line) => await ask(connection, line),
    )
    const [, ...lost] = await Promise.all(answers)
    for (const answer of lost) expect(answer).toMatch(reason)
    expect(connection.alive).toBe(false)
    expect(ends).toHaveLength(1)
  })

  test('behind a 421 are lost: the backend is about to close, and the connection is not used again', async () => {
    await using backend = await startFakeBackend({
      rules: [{ on: 'RCPT', nth: 1, say: '421 4.7.0 enough' }],
    })
    await using connection = await open(backend.port)
    const answers = ['MAIL FROM:<>', 'RCPT TO:<a@x>', 'RCPT TO:<b@x>'].map(
      async (line) => await ask(connection, line),
    )
    expect(await Promise.all(answers)).toEqual([
      '250 2.1.0 Ok',
      '421 4.7.0 enough',
      'lost: 421 4.7.0 enough',
    ])
    expect(connection.usable).toBe(false)
    await until('it is closed', () => backend.open() === 0)
  })
})

describe('words that nobody asked for', () => {
  test.each<[string, string, RegExp]>([
    ['421 while idle', '421 4.4.2 idle too long\r\n', /421 4\.4\.2 idle too long/],
    ['a second reply to one command', '250 2.0.0 Ok\r\n', /250 2\.0\.0 Ok/],
    ['garbage', '\x00\xff\r\n', /expected an SMTP reply/],
  ])('end the connection: %s', async (_, raw, reason) => {
    await using backend = await startFakeBackend()
    await using connection = await open(backend.port)
    const ended = new Promise<string>((resolve) => {
      connection.onEnd = resolve
    })
    backend.connections[0]?.socket.write(raw, 'latin1')
    expect(await ended).toMatch(reason)
    expect(connection.alive).toBe(false)
    await until('it is closed', () => backend.open() === 0)
  })

  test('in one piece with the reply to EHLO: the connection never counts as open', async () => {
    expect(
      await openFails({
        rules: [{ on: 'EHLO', raw: '250 backend.test\r\n421 4.3.2 going down\r\n' }],
      }),
    ).toMatch(/421 4\.3\.2 going down/)
  })
})

describe('leaving', () => {
  test('is polite', async () => {
    await using backend = await startFakeBackend()
    const connection = await open(backend.port)
    connection.quit()
    await until('it is closed', () => backend.open() === 0)
    expect(backend.lines()).toEqual(['EHLO mx.test', 'QUIT'])
    expect(await ask(connection, 'NOOP')).toMatch(/^lost/)
  })

  test('does not depend on the backend', async () => {
    await using backend = await startFakeBackend({
      rules: [{ on: 'QUIT', silent: true, hold: Promise.race([]) }],
    })
    const connection = await open(backend.port)
    connection.quit()
    await until('it is closed', () => backend.open() === 0)
  })
})

test('octets that are written leave behind the commands before them, though these leave at the end of the turn', async () => {
  await using backend = await startFakeBackend({ offers: ['PIPELINING'] })
  await using connection = await open(backend.port)
  const heard: string[] = []
  connection.command('NOOP one', (reply) => heard.push(words(reply)))
  connection.expect((reply) => heard.push(words(reply)))
  connection.write(Buffer.from('NOOP two\r\n'))
  connection.command('NOOP three', (reply) => heard.push(words(reply)))
  await until('all are answered', () => heard.length === 3)
  expect(backend.lines()).toEqual(['EHLO mx.test', 'NOOP one', 'NOOP two', 'NOOP three'])
})
