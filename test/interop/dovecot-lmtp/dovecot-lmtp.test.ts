/**
 * One mailbox is full, and only that recipient is refused: LMTP says it per recipient, and every
 * client hears what it can hear.
 *
 *   swaks, Exim with PRDR, Postfix ─▶ Rcptwise ─(LMTP: TCP or Unix socket)▶ Dovecot 2.3
 */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Client } from '../../support/dialogue.ts'
import { startFakeBackend } from '../../support/fake-backend.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { type Dovecot, startDovecot } from '../../support/lab/dovecot.ts'
import { startExim } from '../../support/lab/exim.ts'
import { expectFates } from '../../support/lab/fates.ts'
import { type FrontEndOptions, startFrontEnd } from '../../support/lab/front-end.ts'
import { sender } from '../../support/lab/mixed.ts'
import { startPostfix } from '../../support/lab/postfix.ts'
import { openSwaks } from '../../support/lab/swaks.ts'
import { until } from '../../support/lab/until.ts'

const host = '127.0.0.1'
const quotaExceeded = '552 5.2.2'

/** Of each test its own three, so that they can share a server. */
const trio = (name: string) => {
  const [one, full, two] = [
    `${name}1@example.org`,
    `${name}full@example.org`,
    `${name}2@example.org`,
  ]
  return { one, full, two, all: [one, full, two] }
}
const [prdr, socket, legacy] = [trio('prdr'), trio('socket'), trio('legacy')]
const [trusted, bytes, groups] = [trio('trusted'), trio('bytes'), trio('groups')]
const trios = [prdr, socket, legacy, trusted, bytes, groups]

describe.skipIf(interopObstacle() !== undefined)('Dovecot as the backend, over LMTP', () => {
  let dovecot: Dovecot
  const front = async (url: string, options: Partial<FrontEndOptions> = {}) =>
    await startFrontEnd({ backend: url, ...options })
  const overTcp = (): string => `lmtp://${host}:${dovecot.port}`
  const overSocket = (): string => `lmtp+unix://${dovecot.socketPath}`

  beforeAll(async () => {
    dovecot = await startDovecot({
      mailboxes: trios.flatMap(({ all }) => all),
      full: trios.map(({ full }) => full),
    })
  })
  afterAll(async () => {
    await dovecot[Symbol.asyncDispose]()
  })

  test('swaks --prdr hears the words of Dovecot for each recipient', async () => {
    await using rcptwise = await front(overTcp())
    await using swaks = await openSwaks()
    const basics = [
      '--server',
      `${host}:${rcptwise.port}`,
      '--helo',
      'swaks.test',
      '--from',
      sender,
      '--prdr',
    ]
    const ran = await swaks.run([...basics, '--to', prdr.all.join(',')])
    const block = ran.transcript.slice(ran.transcript.indexOf('353 '))
    expect(block).toMatch(
      /^353 .*\n<- {2}250 2\.0\.0 <prdr1@\S+ .*Saved\n<\*\* 552 5\.2\.2 <prdrfull@\S+ .*\n<- {2}250 2\.0\.0 <prdr2@\S+ .*Saved\n<- {2}250 /,
    )
    const unknown = await swaks.run([...basics, '--to', `nobody@example.org,${prdr.one}`])
    expect(unknown.transcript).toMatch(/<\*\* 550 5\.1\.1 <nobody@example\.org> /)
    expect(await dovecot.mailbox(prdr.one)).toHaveLength(2)
    expect(await dovecot.mailbox(prdr.two)).toHaveLength(1)
    expect(await dovecot.mailbox(prdr.full)).toHaveLength(0)
  })

  test('Exim with PRDR, over the Unix socket: who is full bounces, the others have it once, nobody waits', async () => {
    await using rcptwise = await front(overSocket())
    await using exim = await startExim({ relayTo: { host, port: rcptwise.port } })
    await exim.submit({ from: sender, to: socket.all })
    await expectFates(exim, dovecot, {
      plain: [socket.one, socket.two],
      bounced: { [socket.full]: quotaExceeded },
    })
    expect(await exim.log()).toContain('PRDR')
    expect(await rcptwise.metric('rcptwise_forced_retries_total')).toBe(0)
  })

  test('Postfix comes again: who has it is not given it twice, who is full bounces, and alone', async () => {
    await using rcptwise = await front(overTcp())
    await using postfix = await startPostfix({ relayTo: { host, port: rcptwise.port } })
    await postfix.submit({ from: sender, to: legacy.all })
    await expectFates(postfix, dovecot, {
      plain: [legacy.one, legacy.two],
      bounced: { [legacy.full]: quotaExceeded },
    })
    expect(await rcptwise.metric('rcptwise_duplicates_suppressed_total')).toBe(2)
    expect(await rcptwise.metric('rcptwise_splits_open')).toBe(0)
  })

  test('a client that is never split is told for whom the refusal is, and it does not come again for days', async () => {
    await using rcptwise = await front(overTcp(), { config: { trusted: ['127.0.0.0/8'] } })
    await using postfix = await startPostfix({ relayTo: { host, port: rcptwise.port } })
    await postfix.submit({ from: sender, to: trusted.all })
    await until('it bounces', async () => (await postfix.bounces()).length === 3, {
      explain: postfix.log,
    })
    const words = `(only for <${trusted.full}>; the other recipients have the message)`
    for (const { reply } of await postfix.bounces())
      expect(reply.replaceAll(/\s+/g, ' ')).toContain(words)
    for (const address of [trusted.one, trusted.two])
      expect(await dovecot.mailbox(address)).toHaveLength(1)
  })

  test.each([
    ['TCP', overTcp],
    ['the Unix socket', overSocket],
  ])('8 bits, dots and long lines arrive as they were sent over %s', async (way, url) => {
    await using rcptwise = await front(url())
    const client = await Client.connect(rcptwise.port)
    const body = [
      '.',
      '..',
      '.a dot in front',
      'Grüße, ' + '\u00ff\u0080',
      'x'.repeat(990),
      '',
      ...Array.from({ length: 3000 }, (_, i) => `line ${i} ${'y'.repeat(i % 400)}`),
      '.',
    ].join('\r\n')
    const text = `Subject: ${way}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${body}\r\n`
    await client.reply()
    await client.ask('EHLO client.test')
    await client.ask(`MAIL FROM:<${sender}> BODY=8BITMIME`)
    for (const address of [bytes.one, bytes.two])
      expect(await client.ask(`RCPT TO:<${address}>`)).toMatch(/^250/)
    expect(await client.ask('DATA')).toMatch(/^354/)
    expect(await client.ask(`${text.replaceAll(/^\./gm, '..')}.`)).toMatch(/^250 2\.0\.0 .*Saved/)
    client.close()
    const hash = (octets: string): string =>
      createHash('sha256').update(octets, 'latin1').digest('hex')
    for (const address of [bytes.one, bytes.two]) {
      const got =
        (await dovecot.mailbox(address)).find((message) =>
          message.includes(`Subject: ${way}\r\n`),
        ) ?? ''
      expect(hash(got.slice(got.indexOf('Subject: ')))).toBe(hash(text))
    }
  })

  test('Dovecot judges: three groups are one LMTP transaction', async () => {
    const recipients = {
      [groups.one]: 'strict',
      [groups.full]: 'careful',
      [groups.two]: 'tag-only',
    }
    await using rcptwise = await front(overTcp(), {
      recipients,
      config: { last_word: 'backend' },
    })
    await using exim = await startExim({ relayTo: { host, port: rcptwise.port } })
    await exim.submit({ from: sender, to: groups.all })
    await expectFates(exim, dovecot, {
      plain: [groups.one, groups.two],
      bounced: { [groups.full]: quotaExceeded },
    })
    expect(await rcptwise.metric('rcptwise_backend_delivery_seconds_count')).toBe(1)
  })
})

describe.skipIf(interopObstacle() !== undefined)('Dovecot with quota_full_tempfail', () => {
  test('Postfix comes again until there is room: nobody bounces, nobody has it twice', async () => {
    const { one, full, two, all } = trio('later')
    await using dovecot = await startDovecot({
      mailboxes: all,
      full: [full],
      fullIsTemporary: true,
    })
    await using rcptwise = await startFrontEnd({ backend: `lmtp://${host}:${dovecot.port}` })
    await using postfix = await startPostfix({ relayTo: { host, port: rcptwise.port } })
    await postfix.submit({ from: sender, to: all })
    await until('it came again in vain', () => rcptwise.transactions().length >= 2, {
      explain: rcptwise.log,
    })
    expect(await dovecot.mailbox(full)).toEqual([])
    await dovecot.fill([])
    await expectFates(postfix, dovecot, { plain: [one, full, two] })
  })
})

describe.skipIf(interopObstacle() !== undefined)('Dovecot with Sieve', () => {
  test('a Sieve script that refuses (`reject`) is no refusal over LMTP: 250, nothing in the mailbox, and a report from Dovecot', async () => {
    await using submission = await startFakeBackend()
    const scripts = {
      rejects: 'require "reject";\nreject "No, thank you";\n',
      erejects: 'require "ereject";\nereject "No, never";\n',
      discards: 'discard;\n',
      broken: 'nonsense;\n',
      redirects: 'redirect "friend@elsewhere.test";\n',
    }
    const names = ['plain', ...Object.keys(scripts)]
    const mailboxes = names.map((name) => `${name}@example.org`)
    await using dovecot = await startDovecot({
      mailboxes,
      sieve: { scripts, submission: submission.port },
    })
    await using rcptwise = await startFrontEnd({ backend: `lmtp://${host}:${dovecot.port}` })
    const client = await Client.connect(rcptwise.port)
    await client.reply()
    await client.ask('EHLO client.test')
    await client.ask(`MAIL FROM:<${sender}>`)
    for (const address of mailboxes)
      expect(await client.ask(`RCPT TO:<${address}>`)).toMatch(/^250/)
    expect(await client.ask('DATA')).toMatch(/^354/)
    expect(await client.ask(`From: ${sender}\r\nSubject: x\r\n\r\nx\r\n.`)).toMatch(
      /^250 2\.0\.0 .*Saved/,
    )
    client.close()
    const kept = await Promise.all(
      mailboxes.map(async (address) => (await dovecot.mailbox(address)).length),
    )
    expect(Object.fromEntries(names.map((name, i) => [name, kept[i]]))).toEqual({
      plain: 1,
      rejects: 0,
      erejects: 1,
      discards: 0,
      broken: 1,
      redirects: 0,
    })
    await until('Dovecot has sent what it has to send', () => submission.delivered.length >= 2, {
      explain: dovecot.log,
    })
    const sent = submission.delivered.map(({ mail, recipients: to, text }) => ({
      mail,
      to,
      text: text.toString(),
    }))
    const report = sent.find(({ mail }) => mail.startsWith('<>'))
    expect(report?.to).toEqual([`<${sender}>`])
    expect(report?.text).toContain('was automatically rejected:\r\nNo, thank you')
    expect(sent.find(({ mail }) => !mail.startsWith('<>'))?.to).toEqual(['<friend@elsewhere.test>'])
    expect(sent).toHaveLength(2)
  })
})
