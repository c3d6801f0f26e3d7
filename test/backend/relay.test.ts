/**
 *     client ─▶ rcptwise ─▶ fake backend
 *
 * What the client is told is what the backend said, in a form that senders survive, and what the
 * backend gets is what the client sent.
 */
import { createHash, randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../support/app.ts'
import { Client } from '../support/dialogue.ts'
import {
  type FakeBackend,
  type FakeBackendOptions,
  type Rule,
  startFakeBackend,
} from '../support/fake-backend.ts'
import { freePort } from '../support/lab/ports.ts'
import { until } from '../support/lab/until.ts'

interface Place extends AsyncDisposable {
  readonly app: TestApp
  readonly backend: FakeBackend
  readonly client: Client
}

async function place(
  options: FakeBackendOptions = {},
  config = '',
  backendConfig = '',
): Promise<Place> {
  await using parts = new AsyncDisposableStack()
  const backend = parts.use(await startFakeBackend(options))
  const app = parts.use(
    await startTestApp({
      config: `backend: { servers: ["${backend.url}"], mail: at_once ${backendConfig} }\nrelay_domains: [example.org]\n${config}`,
    }),
  )
  const client = parts.adopt(await Client.connect(app.port), (one) => one.close())
  await client.reply()
  const owned = parts.move()
  return { app, backend, client, [Symbol.asyncDispose]: async () => await owned.disposeAsync() }
}

const hello = async (client: Client): Promise<string[]> => {
  client.send('EHLO client.test\r\n')
  return await client.reply()
}

async function envelope(
  client: Client,
  to: readonly string[] = ['a@example.org'],
): Promise<string[]> {
  client.send(
    ['MAIL FROM:<s@x.test>', ...to.map((address) => `RCPT TO:<${address}>`), 'DATA', ''].join(
      '\r\n',
    ),
  )
  const replies: string[] = []
  for (let i = 0; i < to.length + 2; i++) replies.push((await client.reply()).join('\n'))
  return replies
}

/** As a client does it: no faster than it is taken. */
async function sendText(client: Client, text: Buffer): Promise<void> {
  for (let at = 0; at < text.length; at += 64 * 1024) {
    if (!client.socket.write(text.subarray(at, at + 64 * 1024)))
      await new Promise((resolve) => client.socket.once('drain', resolve))
  }
  client.send('.\r\n')
}

const sha256 = (text: Buffer): string => createHash('sha256').update(text).digest('hex')
const received = /^(?:Received: [^\n]*\n(?:[ \t][^\n]*\n)*)/
const withoutTrace = (text: Buffer): Buffer =>
  Buffer.from(text.toString('latin1').replace(received, ''), 'latin1')

describe('EHLO is what both can do', () => {
  test.each<[string, FakeBackendOptions, string[], string[]]>([
    [
      'everything',
      {
        offers: [
          'PIPELINING',
          'SIZE 1000000',
          '8BITMIME',
          'SMTPUTF8',
          'DSN',
          'XCLIENT NAME ADDR',
          'AUTH PLAIN',
          'CHUNKING',
          'ETRN',
          'VRFY',
          'X-OWN',
        ],
      },
      ['PIPELINING', 'SIZE 1000000', 'ENHANCEDSTATUSCODES', '8BITMIME', 'DSN', 'SMTPUTF8', 'PRDR'],
      ['XCLIENT', 'AUTH', 'CHUNKING', 'ETRN', 'VRFY', 'X-OWN'],
    ],
    [
      'a larger SIZE',
      { offers: ['SIZE 999999999999'] },
      ['SIZE 52428800', 'PIPELINING'],
      ['8BITMIME', 'DSN', 'SMTPUTF8'],
    ],
    ['SIZE without a number', { offers: ['SIZE'] }, ['SIZE 52428800'], []],
    [
      'HELO only',
      { offers: 'HELO only' },
      ['PIPELINING', 'SIZE 52428800'],
      ['8BITMIME', 'DSN', 'SMTPUTF8'],
    ],
  ])('%s', async (_, options, offered, not) => {
    await using at = await place(options)
    const lines = (await hello(at.client)).map((line) => line.slice(4))
    expect(lines).toEqual(expect.arrayContaining(offered))
    for (const keyword of not)
      expect(lines.map((line) => line.split(' ')[0])).not.toContain(keyword)
  })
})

describe('before the text', () => {
  test.each<[string, Rule, string]>([
    [
      'refused at MAIL',
      { on: 'MAIL', say: '550 5.7.1 <s@x.test> not welcome' },
      '550 5.7.1 <s@x.test> not welcome',
    ],
    [
      'several lines',
      { on: 'MAIL', say: ['550-5.7.1 no', '550 5.7.1 never'] },
      '550-5.7.1 no\n550 5.7.1 never',
    ],
    ['no enhanced code', { on: 'MAIL', say: '451 later' }, '451 4.3.0 later'],
    ['421', { on: 'MAIL', say: '421 4.7.0 too much', then: 'close' }, '451 4.7.0 too much'],
    ['3yz', { on: 'MAIL', say: '334 hm' }, '451 4.3.0 The mail server behind*'],
    [
      'gone',
      { on: 'MAIL', silent: true, then: 'reset' },
      '451 4.4.1 The mail server behind this one does not answer*',
    ],
  ])('MAIL: %s', async (_, rule, said) => {
    await using at = await place({ rules: [rule] })
    await hello(at.client)
    expect(await at.client.ask('MAIL FROM:<s@x.test>')).toMatch(glob(said))
    expect(await at.client.ask('RCPT TO:<a@example.org>')).toMatch(/^503 5\.5\.1/)
    expect(await at.client.ask('NOOP')).toMatch(/^250/)
  })

  test.each<[string, Rule, string]>([
    [
      'refused',
      { on: 'RCPT', say: '550 5.1.1 <a@example.org> unknown' },
      '550 5.1.1 <a@example.org> unknown',
    ],
    [
      'delayed',
      { on: 'RCPT', say: '450 4.2.0 greylisted, see http://x' },
      '450 4.2.0 greylisted, see http://x',
    ],
    ['421', { on: 'RCPT', say: '421 4.7.0 too much', then: 'close' }, '451 4.7.0 too much'],
    ['251', { on: 'RCPT', say: '251 2.1.5 will forward' }, '250 2.1.5 will forward'],
    ['252', { on: 'RCPT', say: '252 2.0.0 perhaps' }, '250 2.0.0 perhaps'],
    ['552', { on: 'RCPT', say: '552 5.2.2 mailbox full' }, '552 5.2.2 mailbox full'],
    [
      'several lines',
      { on: 'RCPT', say: ['550-no', '550 never'] },
      '550-5.0.0 no\n550 5.0.0 never',
    ],
    ['8 bits', { on: 'RCPT', say: '550 5.1.1 n\xc3\xa3o' }, '550 5.1.1 n\xc3\xa3o'],
    ['control characters', { on: 'RCPT', say: '550 5.1.1 a\x1b[2Jb\rc' }, '550 5.1.1 a?\\[2Jb?c'],
    [
      'gone',
      { on: 'RCPT', silent: true, then: 'close' },
      '451 4.4.2 The mail server behind this one went away*',
    ],
    [
      'garbage',
      { on: 'RCPT', raw: 'lp0 on fire\r\n' },
      '451 4.4.2 The mail server behind this one went away*',
    ],
  ])('RCPT: %s', async (_, rule, said) => {
    await using at = await place({ rules: [rule] })
    await hello(at.client)
    await at.client.ask('MAIL FROM:<s@x.test>')
    expect(await at.client.ask('RCPT TO:<a@example.org>')).toMatch(glob(said))
    expect(await at.client.ask('RSET')).toMatch(/^250/)
  })

  test('no server: temporary, and mail goes on when there is one again', async () => {
    await using at = await place({ port: await freePort() })
    await at.backend.stop()
    await hello(at.client)
    expect(await at.client.ask('MAIL FROM:<s@x.test>')).toMatch(/^451 4\.4\.1 .*retry=00:05:00$/)
    await using again = await startFakeBackend({ port: at.backend.port })
    expect((await envelope(at.client)).at(-1)).toMatch(/^354/)
    at.client.send('.\r\n')
    expect((await at.client.reply())[0]).toMatch(/^250 2\.0\.0 Ok: queued as/)
    expect(again.delivered).toHaveLength(1)
  })
})

describe('after the text', () => {
  test.each<[string, Rule, string]>([
    [
      'taken',
      { on: 'dot', say: '250 2.0.0 Ok: queued as ABC123' },
      '250 2.0.0 Ok: queued as ABC123',
    ],
    [
      'refused in several lines',
      { on: 'dot', say: ['554-5.7.1 spam', '554 5.7.1 go'] },
      '554-5.7.1 spam\n554 5.7.1 go',
    ],
    ['delayed', { on: 'dot', say: '452 4.3.1 no space' }, '452 4.3.1 no space'],
    ['421', { on: 'dot', say: '421 4.3.2 bye', then: 'close' }, '451 4.3.2 bye'],
    ['354', { on: 'dot', say: '354 more?' }, '451 4.3.0 *'],
    ['gone', { on: 'dot', silent: true, then: 'reset' }, '451 4.4.2 *'],
    ['garbage', { on: 'dot', raw: '\x00\x01\r\n' }, '451 4.4.2 *'],
    ['octet by octet', { on: 'dot', say: '250 2.0.0 slow', slowly: true }, '250 2.0.0 slow'],
    ['DATA refused', { on: 'DATA', say: '550 5.7.1 no DATA' }, '550 5.7.1 no DATA'],
    ['DATA delayed', { on: 'DATA', say: '451 4.3.2 no DATA' }, '451 4.3.2 no DATA'],
  ])('%s', async (_, rule, said) => {
    await using at = await place({ rules: [rule] })
    await hello(at.client)
    await envelope(at.client)
    at.client.send('Subject: x\r\n\r\nhello\r\n.\r\n')
    expect((await at.client.reply()).join('\n')).toMatch(glob(said))
    expect((await envelope(at.client)).map((reply) => reply.slice(0, 3))).toEqual([
      '250',
      '250',
      '354',
    ])
  })
})

/** More than the judge looks at, so that it goes on to the backend while it comes. */
const large = Buffer.from(`Subject: large\r\n\r\n${'0123456789abcdef\r\n'.repeat(60_000)}`)

describe('a large text goes on as it comes', () => {
  test('and is the same octets: 8 bits, long lines, dots at every cut', async () => {
    await using at = await place({}, 'limits: { text_line: 2MiB }')
    await hello(at.client)
    await envelope(at.client)
    const noise = randomBytes(1_500_000).map((octet) => (octet === 10 || octet === 13 ? 46 : octet))
    noise[0] = 46 // a NUL there would be refused
    const lines = Buffer.from('.\r\n..\r\n.a\r\n\r\n'.repeat(100_000))
    const text = Buffer.concat([
      Buffer.from('Subject: x\r\n\r\n'),
      noise,
      Buffer.from('\r\n'),
      lines,
    ])
    const stuffed = Buffer.from(text.toString('latin1').replace(/^\./gm, '..'), 'latin1')
    await sendText(at.client, stuffed)
    expect((await at.client.reply())[0]).toMatch(/^250/)
    expect(sha256(withoutTrace(at.backend.delivered[0]?.text ?? Buffer.alloc(0)))).toBe(
      sha256(text),
    )
  })

  test('the backend is told nothing of a text that turns out to be wrong, and its connection is not used again', async () => {
    await using at = await place()
    await hello(at.client)
    await envelope(at.client)
    await sendText(at.client, Buffer.concat([large, Buffer.from('bare\nnewline\r\n')]))
    expect((await at.client.reply())[0]).toMatch(/^550 5\.5\.2/)
    await until('the connection to the backend is closed', () => at.backend.open() === 0)
    expect(at.backend.lines()).toContain('DATA')
    expect(at.backend.texts).toEqual([])
    expect((await envelope(at.client)).at(-1)).toMatch(/^354/)
  })

  test.each<[string, Rule, string]>([
    [
      'DATA refused',
      { on: 'DATA', nth: 1, say: '552 5.3.4 too large for me' },
      '552 5.3.4 too large for me',
    ],
    [
      'refused in the middle',
      { on: 'octets', nth: 1, octets: 100_000, say: '552 5.3.4 stop', then: 'close' },
      '552 5.3.4 stop',
    ],
    [
      '421 in the middle',
      { on: 'octets', nth: 1, octets: 100_000, say: '421 4.3.2 down', then: 'close' },
      '451 4.3.2 down',
    ],
    [
      'reset in the middle',
      { on: 'octets', nth: 1, octets: 100_000, then: 'reset' },
      '451 4.4.2 *',
    ],
    ['refused at the dot', { on: 'dot', nth: 1, say: '554 5.7.1 no' }, '554 5.7.1 no'],
  ])('%s: the client hears it after its text, and the session goes on', async (_, rule, said) => {
    await using at = await place({ rules: [rule] })
    await hello(at.client)
    for (const expected of [said, '250 *']) {
      await envelope(at.client)
      await sendText(at.client, Buffer.concat([large, large, large, large]))
      expect((await at.client.reply()).join('\n')).toMatch(glob(expected))
    }
    expect(at.backend.delivered).toHaveLength(1)
  })

  test('a client that leaves in the middle: nothing is delivered', async () => {
    await using at = await place()
    await hello(at.client)
    await envelope(at.client)
    await new Promise((resolve) => at.client.socket.write(large, resolve))
    await until('the backend is being sent the text', () => at.backend.lines().includes('DATA'))
    at.client.socket.resetAndDestroy()
    await until('the connection to the backend is closed', () => at.backend.open() === 0)
    expect(at.backend.texts).toEqual([])
  })

  test('known-limits.md: “Rcptwise does not read from a sender while the mail server does not take its text.” It loses nothing when the mail server goes on', async () => {
    const goOn = Promise.withResolvers<undefined>()
    await using at = await place({ rules: [{ on: 'octets', octets: 1, hold: goOn.promise }] })
    await hello(at.client)
    await envelope(at.client)
    const text = Buffer.concat(Array<Buffer>(30).fill(large))
    let taken = 0
    const sending = sendText(at.client, text).then(() => (taken = text.length))
    await until('the client has to wait', () => at.client.socket.writableNeedDrain)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(taken).toBe(0)
    goOn.resolve(undefined)
    await sending
    expect((await at.client.reply())[0]).toMatch(/^250/)
    expect(sha256(withoutTrace(at.backend.delivered[0]?.text ?? Buffer.alloc(0)))).toBe(
      sha256(text),
    )
  })

  test('a backend that stops reading for good is the trouble, and not the client: known-limits.md: “or after backend.reply_timeout.”', async () => {
    const never = Promise.withResolvers<undefined>()
    await using at = await place(
      { rules: [{ on: 'octets', nth: 1, octets: 1, hold: never.promise }] },
      'timeouts: { text: 400ms }',
      ', reply_timeout: 1500ms',
    )
    await hello(at.client)
    await envelope(at.client)
    await sendText(at.client, Buffer.concat(Array<Buffer>(30).fill(large)))
    expect((await at.client.reply())[0]).toMatch(/^451 4\.4\.2 The mail server behind/)
    never.resolve(undefined)
    expect((await envelope(at.client)).at(-1)).toMatch(/^354/)
  })
})

describe('the spool', () => {
  test('known-limits.md: “a full disk under the spool (spool.directory): the sender gets 452 4.3.1, and the mail server gets nothing.” “The log then has a line spoolFailed” The session goes on', async () => {
    await using at = await place(
      {},
      'spool: { memory: 0, directory: not-there }\nrecipients: { default: strict }',
    )
    await hello(at.client)
    await envelope(at.client)
    at.client.send('Subject: x\r\n\r\nhello\r\n.\r\n')
    expect((await at.client.reply())[0]).toMatch(/^452 4\.3\.1 /)
    expect(at.backend.texts).toEqual([])
    expect((await envelope(at.client)).at(-1)).toMatch(/^354/)
    expect(at.app.facts).toContainEqual(expect.objectContaining({ kind: 'spoolFailed' }))
  })

  test('through a file: the same octets, to every recipient', async () => {
    await using at = await place({}, 'spool: { memory: 0 }')
    await hello(at.client)
    await envelope(at.client, ['a@example.org', 'b@example.org'])
    await sendText(at.client, large)
    expect((await at.client.reply())[0]).toMatch(/^250/)
    expect(at.backend.delivered).toHaveLength(1)
    expect(at.backend.delivered[0]?.recipients).toHaveLength(2)
    expect(sha256(withoutTrace(at.backend.delivered[0]?.text ?? Buffer.alloc(0)))).toBe(
      sha256(large),
    )
  })
})

function glob(pattern: string): RegExp {
  if (pattern.includes('\\[')) return new RegExp(`^${pattern.replace(/[?]/g, '\\?')}$`)
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 's')
}
