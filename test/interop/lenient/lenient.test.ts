/**
 * Rcptwise and a real Postfix 3.7 behind it are shown the same lines, each in a session of its own:
 *
 *   a client of ours ─┬─▶ Postfix
 *                     └─▶ Rcptwise ─▶ the same Postfix
 *
 * The class of the reply is the same, but for the lines that docs/leniency.md names.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { linesOf } from '../../docs/leniency-lines.ts'
import { Client } from '../../support/dialogue.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { type FrontEnd, startFrontEnd } from '../../support/lab/front-end.ts'
import { type Postfix, startPostfix } from '../../support/lab/postfix.ts'

/** Further ones that both answer alike. */
const alike = [
  'EHLO client.test',
  'EHLO',
  'HELO [192.0.2.1]',
  'EHLO \xc3\xa4.test',
  'MAIL FROM:<>',
  'MAIL FROM:<a@b.test> SIZE=0',
  'MAIL FROM:<a@b.test> SIZE',
  'MAIL FROM:<a@b.test> SIZE=-1',
  'MAIL FROM:<a@b.test> SIZE=1k',
  'MAIL FROM:<a@b.test> SIZE=99999999999999999999999',
  'MAIL FROM:<a@b.test> BODY=8bitmime',
  'MAIL FROM:<a@b.test> BODY=9BIT',
  'MAIL FROM:<a@b.test> BODY=',
  'MAIL FROM:<a@b.test> RET=full',
  'MAIL FROM:<a@b.test> RET=FULL RET=HDRS',
  'MAIL FROM:<a@b.test> SMTPUTF8=x',
  'MAIL FROM:<a@b.test> ENVID=a+0D+0Ab',
  'MAIL FROM:<a@b.test> =',
  'MAIL FROM :<a@b.test>',
  'MAIL FROM:',
  'MAIL FROM:<a@b.test',
  'MAIL FROM:<a@b.test> <c@d.test>',
  'MAIL FROM:Joe <a@b.test>',
  'MAIL FROM:<a@>',
  'MAIL FROM:<a@.test>',
  'MAIL FROM:<a@b..test>',
  'MAIL FROM:<a@-b.test>',
  'MAIL FROM:<a@b/c.test>',
  'MAIL FROM:<a@[192.0.2.1]>',
  'MAIL FROM:<a@[IPv6:2001:db8::1]>',
  'MAIL FROM:<a@[junk]>',
  'MAIL FROM:<"a\\"b"@c.test>',
  'MAIL FROM:<"a@c.test>',
  'MAIL FROM:<a%b@c.test>',
  'MAIL FROM:<b!a@c.test>',
  "MAIL FROM:<a'b&c#d=e@f.test>",
  `MAIL FROM:<${'a'.repeat(300)}@b.test>`,
  `MAIL FROM:<a@${'b'.repeat(70)}.test>`,
  'MAIL FROM:<a@\xe4\xb8\x8d\xe4\xb8\x8a.test> SMTPUTF8',
  'MAIL FROM:<a@xn--999999.test>',
  'MAIL FROM:<a@\xef\xbf\xbd.test> SMTPUTF8',
  'RCPT TO: <a@example.org>',
  'RCPT TO:<a@EXAMPLE.org.>',
  'RCPT TO:<a@example.org> NOTIFY=',
  'RCPT TO:<a@example.org> ORCPT=rfc822;a ORCPT=rfc822;b',
  'RCPT TO:<a@example.org> ORCPT=rfc822;a+zz',
  'RCPT TO:<a@example.org> ORCPT=utf-8;\xc3\xa4@example.org',
  'RCPT TO:<a@example.org> SIZE=1',
  'RCPT FROM:<a@example.org>',
  'NOOP\tx',
  'RSET x',
  'VRFY a@example.org',
  'UNKNOWN',
  '',
]

const limits = { errors_per_minute: 'off' }

describe.skipIf(interopObstacle() !== undefined)(
  'the same lines to Rcptwise and to Postfix',
  () => {
    let postfix: Postfix
    let frontEnd: FrontEnd
    beforeAll(async () => {
      postfix = await startPostfix({
        server: { mailboxes: ['a@example.org'] },
        main: [
          'smtpd_recipient_restrictions =',
          'smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination',
          'smtpd_reject_unlisted_recipient = no',
          'smtpd_delay_reject = no',
        ],
      })
      const servers = [`smtp://127.0.0.1:${postfix.port}`]
      // What Postfix says to MAIL is to be compared with what Rcptwise says to MAIL.
      const config = { limits, backend: { servers, mail: 'at_once' } }
      frontEnd = await startFrontEnd({ backend: postfix.port, config })
    })
    afterAll(async () => {
      await frontEnd[Symbol.asyncDispose]()
      await postfix[Symbol.asyncDispose]()
    })

    async function classOf(port: number, line: string): Promise<string | undefined> {
      const client = await Client.connect(port)
      try {
        await client.reply()
        if (!/^(?:EHLO|HELO)/.test(line)) await client.ask('EHLO client.test')
        if (line.startsWith('RCPT')) await client.ask('MAIL FROM:<s@client.test>')
        return (await client.ask(line))[0]
      } finally {
        client.close()
      }
    }
    const both = async (line: string): Promise<string> =>
      `Postfix ${await classOf(postfix.port, line)}, Rcptwise ${await classOf(frontEnd.port, line)}`

    test.each(linesOf('Taken, as Postfix takes it'))('taken: %j', async (line) => {
      expect(await both(line)).toBe('Postfix 2, Rcptwise 2')
    })
    test.each(linesOf('Refused, although Postfix takes it'))('stricter: %j', async (line) => {
      expect(await both(line)).toBe('Postfix 2, Rcptwise 5')
    })
    test.each(linesOf('Refused by both'))('refused: %j', async (line) => {
      expect(await both(line)).toBe('Postfix 5, Rcptwise 5')
    })
    test.each(alike)('alike: %j', async (line) => {
      const [one, other] = [await classOf(postfix.port, line), await classOf(frontEnd.port, line)]
      expect(other).toBe(one)
    })
  },
)
