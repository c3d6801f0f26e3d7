/**
 * LMTP servers (RFC 2033): LHLO, and after the text one reply for each RCPT that was accepted, in
 * order.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { onTop } from '../../src/message/edits.ts'
import type { SmtpBackendOptions } from '../../src/backend/smtp-backend.ts'
import { replies } from '../../src/smtp/replies.ts'
import { describeReply } from '../../src/smtp/reply.ts'
import { type FakeBackend, type Rule, startFakeBackend } from '../support/fake-backend.ts'
import { type OpenBackend, openBackend, recipients, SlowText } from './backend-session.ts'
import { wholeText } from './whole-text.ts'

const text = wholeText('Subject: x\r\n\r\nhello\r\n')
const lost = describeReply(replies.backendLost)
const refusesUs = describeReply(replies.backendRefusesUs)
const lhlo: Rule = {
  on: 'other',
  having: 'LHLO',
  say: ['250-backend.test', '250-PIPELINING', '250-8BITMIME', '250 ENHANCEDSTATUSCODES'],
}
const ehlo: Rule = { on: 'EHLO', say: '500 5.5.1 This is LMTP' }

const startLmtp = async (...rules: readonly Rule[]): Promise<FakeBackend> =>
  await startFakeBackend({ rules: [lhlo, ehlo, ...rules] })

/** What is said to the next text, in one write. */
const dot = (nth: number, ...lines: readonly string[]): Rule => ({
  on: 'dot',
  nth,
  raw: lines.map((line) => `${line}\r\n`).join(''),
})

function openLmtp(server: FakeBackend, options: Partial<SmtpBackendOptions> = {}): OpenBackend {
  return openBackend(server, {
    servers: [
      { host: '127.0.0.1', port: server.port, url: `lmtp://127.0.0.1:${server.port}`, lmtp: true },
    ],
    ...options,
  })
}

describe('LMTP', () => {
  test('each recipient has an answer of its own, and the connection goes on in step', async () => {
    await using server = await startLmtp(
      dot(1, '250 2.0.0 <0@x> Saved', '552 5.2.2 <1@x> Quota exceeded', '452 4.2.2 <2@x> Later'),
      dot(2, '250 2.0.0 <0@x> Saved again'),
    )
    await using open = openLmtp(server)
    const first = await open.begin().envelope(recipients(3))
    expect(await first.deliver(first.order([0, 1, 2]), text)).toEqual([
      '250 2.0.0 <0@x> Saved, 0: 250 2.0.0 <0@x> Saved, 1: 552 5.2.2 <1@x> Quota exceeded, 2: 452 4.2.2 <2@x> Later',
    ])
    const second = await open.begin().envelope(recipients(1))
    expect(await second.deliver(second.order([0]), text)).toEqual([
      '250 2.0.0 <0@x> Saved again, 0: 250 2.0.0 <0@x> Saved again',
    ])
    expect(server.connections).toHaveLength(1)
    expect(server.lines()[0]).toBe('LHLO mx.test')
    expect(server.lines().some((line) => /^(?:EHLO|HELO|HELP)/.test(line))).toBe(false)
    expect(server.connections[0]?.reads.slice(1, 3)).toEqual([
      'MAIL FROM:<s@x>\r\nRCPT TO:<0@x>\r\nRCPT TO:<1@x>\r\nRCPT TO:<2@x>\r\n',
      'DATA\r\n',
    ])
  })

  test('a recipient given twice has two replies, one that was refused at RCPT has none', async () => {
    await using server = await startLmtp(
      { on: 'RCPT', nth: 2, say: '550 5.1.1 no such user' },
      dot(1, '250 2.0.0 first', '452 4.3.2 second'),
    )
    await using open = openLmtp(server)
    const begun = await open.begin().envelope(['<a@x>', '<b@x>', '<a@x>'])
    expect(await begun.deliver(begun.order([0, 2]), text)).toEqual([
      '250 2.0.0 first, 0: 250 2.0.0 first, 2: 452 4.3.2 second',
    ])
  })

  test('replies that come in single octets and with pauses are the same replies', async () => {
    await using server = await startLmtp({
      on: 'dot',
      raw: '250-2.0.0 first\r\n250 2.0.0 line\r\n552 5.2.2 second\r\n',
      slowly: true,
    })
    await using open = openLmtp(server)
    const begun = await open.begin().envelope(recipients(2))
    expect(await begun.deliver(begun.order([0, 1]), text)).toEqual([
      '250 2.0.0 first / 2.0.0 line, 0: 250 2.0.0 first / 2.0.0 line, 1: 552 5.2.2 second',
    ])
  })

  const broken: [string, Rule, string][] = [
    [
      'after the first reply',
      { on: 'dot', raw: '250 2.0.0 Saved\r\n', then: 'close' },
      `250 2.0.0 Saved, 0: 250 2.0.0 Saved, 1: ${lost}`,
    ],
    [
      'before any reply',
      { on: 'dot', silent: true, then: 'reset' },
      `${lost}, 0: ${lost}, 1: ${lost}`,
    ],
    [
      'with 421 for the second',
      { on: 'dot', raw: '552 5.2.2 no\r\n421 4.3.2 Going down\r\n', then: 'close' },
      '552 5.2.2 no, 0: 552 5.2.2 no, 1: 421 4.3.2 Going down',
    ],
    ['at DATA', { on: 'DATA', say: '554 5.7.1 no' }, '554 5.7.1 no'],
    ['at DATA, out of step', { on: 'DATA', say: '503 5.5.1 no valid recipients' }, refusesUs],
  ]
  test.each(broken)(
    'ends %s: those who were answered stay answered, the others come again',
    async (_, rule, told) => {
      await using server = await startLmtp(rule)
      await using open = openLmtp(server)
      const begun = await open.begin().envelope(recipients(2))
      expect(await begun.deliver(begun.order([0, 1]), text)).toEqual([told])
    },
  )

  test('one reply too few: nobody waits for it for ever, and the other recipient comes again', async () => {
    await using server = await startLmtp(dot(1, '250 2.0.0 Saved'))
    await using open = openLmtp(server, { deliveryTimeoutMs: 1000 })
    const begun = await open.begin().envelope(recipients(2))
    expect(await begun.deliver(begun.order([0, 1]), text)).toEqual([
      `250 2.0.0 Saved, 0: 250 2.0.0 Saved, 1: ${lost}`,
    ])
    expect(open.facts).toContainEqual(
      expect.objectContaining({ kind: 'backendFailed', step: 'text' }),
    )
  })

  test('one reply too many ends the connection, and the next message gets another one', async () => {
    await using server = await startLmtp(
      dot(1, '250 2.0.0 first', '250 2.0.0 of nobody'),
      dot(2, '250 2.0.0 second'),
    )
    await using open = openLmtp(server)
    const first = await open.begin().envelope(recipients(1))
    expect(await first.deliver(first.order([0]), text)).toEqual([
      '250 2.0.0 first, 0: 250 2.0.0 first',
    ])
    const second = await open.begin().envelope(recipients(1))
    expect(await second.deliver(second.order([0]), text)).toEqual([
      '250 2.0.0 second, 0: 250 2.0.0 second',
    ])
  })

  test('groups that get the same text are one transaction; each group hears of its own recipients', async () => {
    await using server = await startLmtp(
      dot(1, '552 5.2.2 zero', '250 2.0.0 one', '250 2.0.0 two', '451 4.2.0 three'),
    )
    await using open = openLmtp(server)
    const begun = await open.begin().envelope(recipients(4))
    expect(await begun.deliver(begun.order([0, 2], [1], [3]), text)).toEqual([
      '250 2.0.0 two, 0: 552 5.2.2 zero, 2: 250 2.0.0 two',
      '250 2.0.0 one, 1: 250 2.0.0 one',
      '451 4.2.0 three, 3: 451 4.2.0 three',
    ])
    expect(server.texts).toHaveLength(1)
    expect(server.lines().filter((line) => line.startsWith('MAIL'))).toHaveLength(1)
  })

  test('a different text, or other addresses, are transactions of their own', async () => {
    await using server = await startLmtp(
      dot(1, '250 2.0.0 plain zero', '250 2.0.0 plain one'),
      dot(2, '250 2.0.0 tagged'),
      dot(3, '250 2.0.0 kept apart'),
    )
    await using open = openLmtp(server)
    const begun = await open.begin().envelope(recipients(4))
    const [zero, one, two, three] = begun.order([0], [1], [2], [3]).parcels
    if (zero === undefined || one === undefined || two === undefined || three === undefined)
      throw new Error('no parcels')
    const parcels = [
      zero,
      one,
      { ...two, edits: [[onTop([{ name: 'X-Spam-Flag', value: ' YES' }])]] },
      { ...three, redirected: true },
    ]
    const told = await begun.deliver({ ...begun.order(), parcels }, text)
    expect(told.map((line) => line.split(',')[0])).toEqual([
      '250 2.0.0 plain zero',
      '250 2.0.0 plain one',
      '250 2.0.0 tagged',
      '250 2.0.0 kept apart',
    ])
    expect(server.texts.map(({ recipients: to }) => to)).toEqual([
      ['<0@x>', '<1@x>'],
      ['<2@x>'],
      ['<3@x>'],
    ])
    expect(server.texts[1]?.text.toString()).toBe('X-Spam-Flag: YES\r\nSubject: x\r\n\r\nhello\r\n')
  })

  test('a refusal in the middle of the text is the answer for everyone', async () => {
    await using server = await startLmtp({
      on: 'octets',
      octets: 5,
      say: '552 5.3.4 too large',
      then: 'close',
    })
    await using open = openLmtp(server)
    const begun = await open.begin().envelope(recipients(2))
    const slow = new SlowText()
    slow.give('Subject: x\r\n')
    const told = begun.deliver(begun.order([0, 1]), slow)
    const more = setInterval(() => slow.give('more\r\n'), 20)
    expect(await told).toEqual(['552 5.3.4 too large'])
    clearInterval(more)
  })

  test('a server that refuses LHLO is no LMTP server: trouble that says so, and HELO is not tried', async () => {
    await using server = await startFakeBackend()
    await using open = openLmtp(server)
    expect(await open.backend.probe()).toContain('LHLO: 500 5.5.2 what?')
    expect(server.lines().some((line) => line.startsWith('HELO'))).toBe(false)
  })

  test('without PIPELINING one command at a time', async () => {
    await using server = await startFakeBackend({
      rules: [{ ...lhlo, say: '250 backend.test' }, dot(1, '250 2.0.0 zero', '250 2.0.0 one')],
    })
    await using open = openLmtp(server)
    const begun = await open.begin().envelope(recipients(2))
    expect(await begun.deliver(begun.order([0, 1]), text)).toEqual([
      '250 2.0.0 zero, 0: 250 2.0.0 zero, 1: 250 2.0.0 one',
    ])
    expect(server.connections[0]?.pipelined).toBe(false)
  })

  test('over a Unix socket, and STARTTLS is not said there', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'rcptwise-lmtp-'))
    try {
      const socketPath = join(directory, 'lmtp')
      const withTls: Rule = { ...lhlo, say: ['250-backend.test', '250-PIPELINING', '250 STARTTLS'] }
      await using server = await startFakeBackend({
        socketPath,
        rules: [withTls, dot(1, '250 2.0.0 Saved')],
      })
      const url = `lmtp+unix://${socketPath}`
      await using open = openLmtp(server, {
        servers: [{ host: 'localhost', port: 0, url, lmtp: true, socketPath }],
      })
      const begun = await open.begin().envelope(recipients(1))
      expect(await begun.deliver(begun.order([0]), text)).toEqual([
        '250 2.0.0 Saved, 0: 250 2.0.0 Saved',
      ])
      expect(open.facts).toMatchObject([
        { kind: 'backendConnected', server: url },
        { kind: 'backendDelivered', server: url },
      ])
      expect(server.lines().some((line) => line.startsWith('STARTTLS'))).toBe(false)
    } finally {
      await rm(directory, { recursive: true })
    }
  })

  test('XCLIENT is followed by LHLO', async () => {
    const offersXclient: Rule = {
      ...lhlo,
      say: ['250-backend.test', '250-PIPELINING', '250 XCLIENT ADDR HELO'],
    }
    const xclient: Rule = { on: 'other', having: 'XCLIENT', say: '220 backend.test LMTP' }
    await using server = await startFakeBackend({
      rules: [xclient, offersXclient, dot(1, '250 2.0.0 Saved')],
    })
    await using open = openLmtp(server, { clientAddress: 'xclient' })
    const begun = await open.begin().envelope(recipients(1))
    await begun.deliver(begun.order([0]), text)
    const verbs = server.lines().map((line) => line.split(' ')[0])
    expect(verbs.slice(0, 2)).toEqual(['LHLO', 'XCLIENT'])
    expect(verbs.slice(2).join(' ')).toMatch(/^(?:XCLIENT )*LHLO MAIL RCPT DATA/)
  })
})
