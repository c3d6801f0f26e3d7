/**
 * docs/deploy/postfix-rspamd.md does what it says: before, with Rcptwise, and after going back; the
 * blocks as they are written but for ports, with a real Postfix and a real rspamd.
 *
 *   before, after:  a client ─▶ Postfix ─(milter)▶ rspamd
 *   with Rcptwise:  a client ─▶ Rcptwise ─(HTTP)▶ rspamd
 *                                  └─(XCLIENT)▶ Postfix
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Client } from '../../support/dialogue.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { freePort } from '../../support/lab/ports.ts'
import { type Postfix, startPostfix } from '../../support/lab/postfix.ts'
import { type Rspamd, startRspamd } from '../../support/lab/rspamd.ts'
import { blockWith, startGuided } from './guide.ts'

const page = 'docs/deploy/postfix-rspamd.md'
const [ann, bob] = ['ann@example.org', 'bob@example.org'] as const

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

describe.skipIf(interopObstacle() !== undefined)('rspamd was Postfix’s milter until now', () => {
  let rspamd: Rspamd
  let [milter, normal] = [0, 0]
  beforeAll(async () => {
    ;[milter, normal] = [await freePort(), await freePort()]
    const worker = (await blockWith(page, 'bind_socket')).replace(':11333', `:${normal}`)
    rspamd = await startRspamd({
      config: `
worker "normal" { ${worker} }
worker "rspamd_proxy" {
  bind_socket = "127.0.0.1:${milter}";
  milter = yes;
  timeout = 10s;
  upstream "local" { default = yes; self_scan = yes; }
}`,
    })
  })
  afterAll(async () => {
    await rspamd[Symbol.asyncDispose]()
  })

  const scans = async (): Promise<number> =>
    (await rspamd.log()).match(/rspamd_task_write_log/g)?.length ?? 0

  /** With `main.cf` as it is before, and with this service of `master.cf`. */
  const postfixWith = async (service: string): Promise<Postfix> => {
    const main = (await blockWith(page, 'milter_default_action')).replaceAll(':11332', `:${milter}`)
    return await startPostfix({
      server: { mailboxes: [ann, bob] },
      main: [...main.trim().split('\n'), 'smtpd_authorized_xclient_hosts ='],
      listener: (port) =>
        service
          .replace('127.0.0.1:10025', `127.0.0.1:${port}`)
          .replace(/^smtp /, `127.0.0.1:${port} `),
    })
  }

  test.each(['before', 'after going back'])(
    '%s: Postfix asks rspamd once a message, and one limit holds for all',
    async () => {
      await using postfix = await postfixWith(await blockWith(page, 'smtp  inet'))
      const first = await scans()
      // ann would refuse from 8.
      expect(await scored(postfix.port, ann, 10)).toMatch(/^250 /)
      expect(await scored(postfix.port, bob, 20)).toMatch(/^554 5\.7\.1 /)
      expect(await scans()).toBe(first + 2)
      await postfix.empty()
      expect((await postfix.mailbox(ann))[0]).toMatch(/^X-Spam: Yes/m)
    },
  )

  test('with Rcptwise: rspamd scans each message once, and each recipient has their own limits', async () => {
    await using postfix = await postfixWith(await blockWith(page, '127.0.0.1:10025  inet'))
    await using rcptwise = await startGuided(page, postfix.port, normal)
    expect(await rcptwise.check()).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^ok {3}judge: rspamd answers/m) as string,
    })
    const first = await scans()
    expect(await scored(rcptwise.port, ann, 10)).toMatch(/^550 5\.7\.1 /)
    expect(await scored(rcptwise.port, bob, 10)).toMatch(/^250 /)
    expect(await scored(rcptwise.port, bob, 20)).toMatch(/^550 5\.7\.1 /)
    expect(await scans()).toBe(first + 3)
    await postfix.empty()
    expect(await postfix.mailbox(ann)).toEqual([])
    const [message, ...others] = await postfix.mailbox(bob)
    const rule = await blockWith(page, 'fileinto "Junk"')
    const [, field = '', value = ''] = /header :is "(.*?)" "(.*?)"/.exec(rule) ?? []
    expect(message).toMatch(new RegExp(`^${field}: ${value}\\r?$`, 'm'))
    expect(message).not.toMatch(/^X-Spam:/m)
    expect(others).toEqual([])
  })
})
