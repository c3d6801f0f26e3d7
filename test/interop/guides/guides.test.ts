/**
 * The guides in docs/deploy and the README do what they say: their blocks, as they are written but
 * for ports and directories, configure a real mail server and the Rcptwise in front of it.
 *
 *   a client at 127.0.0.9 ─▶ Rcptwise with the guide's config.yaml ─▶ Postfix | Exim | sendmail | OpenSMTPD with the guide's lines
 *
 * Exchange runs on Windows alone; its guide's config.yaml is read by test/docs/examples.test.ts.
 */
import { describe, expect, test } from 'vitest'
import { Client } from '../../support/dialogue.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { startExim } from '../../support/lab/exim.ts'
import { startOpensmtpd } from '../../support/lab/opensmtpd.ts'
import { freePort } from '../../support/lab/ports.ts'
import { startRspamd } from '../../support/lab/rspamd.ts'
import { startPostfix } from '../../support/lab/postfix.ts'
import { startSendmailBackend } from '../../support/lab/sendmail-backend.ts'
import { until } from '../../support/lab/until.ts'
import { blockWith, startGuided } from './guide.ts'

const client = '127.0.0.9'
const mailboxes = ['ann@example.org']

/** One message to ann; nobody else exists, and other domains are none of its business. */
async function sendMail(port: number): Promise<void> {
  const session = await Client.connect(port, '127.0.0.1', client)
  try {
    expect((await session.reply()).join()).toMatch(/^220 mx1\.example\.org /)
    expect(await session.ask('EHLO client.test')).toMatch(/^250/)
    expect(await session.ask('MAIL FROM:<s@client.test>')).toMatch(/^250 /)
    expect(await session.ask('RCPT TO:<x@elsewhere.test>')).toMatch(/^55\d /)
    expect(await session.ask('RCPT TO:<nosuch@example.org>')).toMatch(/^5\d\d 5\./)
    expect(await session.ask('RCPT TO:<ann@example.org>')).toMatch(/^250 /)
    expect(await session.ask('DATA')).toMatch(/^354 /)
    expect(await session.ask('Subject: guided\r\n\r\nhello\r\n.')).toMatch(/^250 /)
  } finally {
    session.close()
  }
}

/** What the client hears behind the text of a message with this score. */
async function scored(port: number, to: string, score: number): Promise<string> {
  const session = await Client.connect(port, '127.0.0.1', '127.0.0.9')
  try {
    await session.reply()
    await session.ask('EHLO client.test')
    await session.ask('MAIL FROM:<s@client.test>')
    await session.ask(`RCPT TO:<${to}>`)
    await session.ask('DATA')
    return await session.ask(`Subject: scored\r\nX-Test-Score: ${score}\r\n\r\nhello\r\n.`)
  } finally {
    session.close()
  }
}

describe.skipIf(interopObstacle() !== undefined)('as the guide says', () => {
  test.concurrent.each(['docs/deploy/postfix.md', 'README.md'])(
    "Postfix: %s, README.md: “With XCLIENT, Postfix sees each client's own address and name: in its log, and in its rules about who may relay.”",
    async (page) => {
      const lines = await blockWith(page, '127.0.0.1:10025  inet')
      await using backend = await startPostfix({
        server: { mailboxes },
        main: ['smtpd_authorized_xclient_hosts ='],
        listener: (port) => lines.replace(':10025', `:${port}`),
      })
      await using rspamd = await startRspamd()
      await using rcptwise = await startGuided(page, backend.port, rspamd.port)
      expect(await rcptwise.check()).toMatchObject({ code: 0 })
      await sendMail(rcptwise.port)
      await until(
        'Postfix logs the client',
        async () => /client=\S+\[127\.0\.0\.9\]/.test(await backend.log()),
        {
          explain: backend.log,
        },
      )
      await backend.empty()
      expect(await backend.mailbox('ann@example.org')).toHaveLength(1)
    },
  )

  test.concurrent(
    "Postfix and rspamd, README.md: “Rcptwise asks rspamd once for each message, and compares the score with each recipient's own thresholds.” “If rspamd has been a milter of Postfix until now, add -o smtpd_milters= to the service above: nothing is then scanned twice.”",
    async () => {
      const page = 'README.md'
      const lines = `${(await blockWith(page, '127.0.0.1:10025  inet')).trimEnd()}\n    -o smtpd_milters=\n`
      await using rspamd = await startRspamd()
      await using backend = await startPostfix({
        server: { mailboxes: ['ann@example.org', 'bob@example.org'] },
        main: [
          'smtpd_authorized_xclient_hosts =',
          // It would be asked, and is not there: mail would be put off.
          'smtpd_milters = inet:127.0.0.1:9',
          'milter_default_action = tempfail',
        ],
        listener: (port) => lines.replace(':10025', `:${port}`),
      })
      await using rcptwise = await startGuided(page, backend.port, rspamd.port)
      expect(await rcptwise.check()).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^ok {3}judge: rspamd answers/m) as string,
      })
      // ann is strict and refuses from 8; bob is careful: tagged from 6, refused from 15.
      expect(await scored(rcptwise.port, 'ann@example.org', 10)).toMatch(/^550 5\.7\.1 /)
      expect(await scored(rcptwise.port, 'bob@example.org', 10)).toMatch(/^250 /)
      expect(await scored(rcptwise.port, 'bob@example.org', 20)).toMatch(/^550 5\.7\.1 /)
      await backend.empty()
      expect(await backend.mailbox('ann@example.org')).toEqual([])
      const [message, ...others] = await backend.mailbox('bob@example.org')
      expect(message).toMatch(/^X-Rcptwise-Verdict: tag\r?$/m)
      expect(others).toEqual([])
      expect((await rspamd.log()).match(/rspamd_task_write_log/g)).toHaveLength(3)
    },
  )

  test.concurrent('Exim: docs/deploy/exim.md', async () => {
    const page = 'docs/deploy/exim.md'
    const block = await blockWith(page, 'hosts_proxy')
    const submission = await freePort()
    await using backend = await startExim({
      // Debian's exim4-daemon-light knows no PROXY.
      packages: 'exim-heavy',
      server: { mailboxes },
      main: (port) =>
        block
          .replaceAll('10025', `${port}`)
          .replaceAll('587', `${submission}`)
          .replace('0.0.0.0', '127.0.0.1')
          .trim()
          .split('\n'),
    })
    await using rcptwise = await startGuided(page, backend.port)
    expect(await rcptwise.check()).toMatchObject({ code: 0 })
    await sendMail(rcptwise.port)
    await backend.empty()
    expect(await backend.log()).toMatch(/<= s@client\.test H=\S+ \[127\.0\.0\.9\]/)
    expect(await backend.mailbox('ann@example.org')).toHaveLength(1)
  })

  test.concurrent('sendmail: docs/deploy/sendmail.md', async () => {
    const page = 'docs/deploy/sendmail.md'
    const block = await blockWith(page, 'DAEMON_OPTIONS')
    await using backend = await startSendmailBackend({
      mailboxes: ['ann'],
      lines: (port) => block.replace('10025', `${port}`),
    })
    await using rcptwise = await startGuided(page, backend.port)
    expect(await rcptwise.check()).toMatchObject({ code: 0 })
    await sendMail(rcptwise.port)
    // It can't be told the client, and relays for 127.0.0.1; but it has this field, which Rcptwise
    // adds.
    expect(await backend.log()).toMatch(/<<< Received: from client\.test \(\[127\.0\.0\.9\]\)/)
    const direct = await Client.connect(backend.port)
    try {
      await direct.reply()
      await direct.ask('EHLO client.test')
      await direct.ask('MAIL FROM:<s@client.test>')
      expect(await direct.ask('RCPT TO:<x@elsewhere.test>')).toMatch(/^250 /)
    } finally {
      direct.close()
    }
  })

  test.concurrent('OpenSMTPD: docs/deploy/opensmtpd.md', async () => {
    const page = 'docs/deploy/opensmtpd.md'
    const block = await blockWith(page, 'listen on 127.0.0.1 port 10025')
    await using backend = await startOpensmtpd({
      mailboxes,
      listen: block.replace(/^.*port 10025/, '').trim(),
    })
    await using rcptwise = await startGuided(page, backend.port)
    expect(await rcptwise.check()).toMatchObject({ code: 0 })
    await sendMail(rcptwise.port)
    await until('OpenSMTPD logs the client', async () =>
      (await backend.log()).includes(`address=${client}`),
    )
    await backend.empty()
    expect(await backend.mailbox('ann@example.org')).toHaveLength(1)
  })
})
