/**
 * The backend's own answers, for single recipients and for the text, reach the client in the
 * backend's words, and its EHLO is what clients are offered.
 *
 *   swaks (says what it was told), Postfix (queues and bounces) ─▶ Rcptwise ─▶ OpenSMTPD 6.8 with a filter
 *
 * OpenSMTPD knows no XCLIENT; with `proxy-v2` on its listener it is told the client all the same.
 */
import { describe, expect, test } from 'vitest'
import { interopObstacle } from '../../support/lab/availability.ts'
import { expectFates } from '../../support/lab/fates.ts'
import { startFrontEnd } from '../../support/lab/front-end.ts'
import { startHaproxy } from '../../support/lab/haproxy.ts'
import { fates, mailboxes, mixedMessage, recipients, sender } from '../../support/lab/mixed.ts'
import { startOpensmtpd } from '../../support/lab/opensmtpd.ts'
import { startPostfix } from '../../support/lab/postfix.ts'
import { openSwaks } from '../../support/lab/swaks.ts'

const host = '127.0.0.1'
const backendOptions = {
  mailboxes: [...mailboxes, 'busy@example.org', 'closed@example.org'],
  lines: [
    'filter "busy" phase rcpt-to match rcpt-to { "busy@example.org" } reject "450 4.2.1 Mailbox busy"',
    'filter "closed" phase rcpt-to match rcpt-to { "closed@example.org" } reject "554 5.2.1 Mailbox closed"',
    'filter "refuse" phase commit match mail-from { "refuse@client.test" } reject "550 5.6.0 Not this text"',
    'filter "defer" phase commit match mail-from { "defer@client.test" } reject "451 4.7.1 Not this text now"',
    'filter "lab" chain { "busy", "closed", "refuse", "defer" }',
  ],
  listen: 'filter "lab"',
}

describe.skipIf(interopObstacle() !== undefined)('OpenSMTPD as the backend', () => {
  test.concurrent(
    'swaks hears its words; messages share a connection; EHLO offers what it offers',
    async () => {
      await using backend = await startOpensmtpd(backendOptions)
      await using rcptwise = await startFrontEnd({ backend: backend.port, recipients })
      await using swaks = await openSwaks()
      const basics = ['--server', `${host}:${rcptwise.port}`, '--helo', 'swaks.test']
      const send = async (...args: string[]) => await swaks.run([...basics, ...args])

      const some = await send(
        '--from',
        sender,
        '--to',
        'nobody@example.org,closed@example.org,tag1@example.org,busy@example.org',
      )
      expect(some.transcript).toContain(
        '<** 524 5.2.4 Mailing list expansion problem: <nobody@example.org>\n',
      )
      expect(some.transcript).toContain('<** 554 5.2.1 Mailbox closed\n')
      expect(some.transcript).toContain('<** 450 4.2.1 Mailbox busy\n')
      expect(some.transcript).toMatch(
        /<- {2}250 2\.0\.0 [0-9a-f]{8} Message accepted for delivery\n/,
      )
      expect(some).toMatchObject({ code: 0 })
      const offered = [...some.transcript.matchAll(/^<- {2}250[- ]([A-Z0-9]+)/gm)].map(
        ([, keyword]) => keyword,
      )
      expect(offered).toEqual(
        expect.arrayContaining(['SIZE', '8BITMIME', 'DSN', 'PIPELINING', 'PRDR']),
      )
      // What OpenSMTPD can't do is not offered in its name.
      expect(offered).not.toEqual(expect.arrayContaining(['SMTPUTF8']))

      const refused = await send('--from', 'refuse@client.test', '--to', 'tag1@example.org')
      expect(refused.transcript).toContain('<** 550 5.6.0 Not this text\n')
      expect(refused).toMatchObject({ code: 26 })
      const deferred = await send('--from', 'defer@client.test', '--to', 'tag1@example.org')
      expect(deferred.transcript).toContain('<** 451 4.7.1 Not this text now\n')
      await backend.empty()
      expect(await backend.mailbox('tag1@example.org')).toHaveLength(1)
      expect(await rcptwise.metric('rcptwise_backend_connections_total')).toBe(1)
    },
  )

  test.concurrent('PROXY version 2: its log has the client, who may not relay', async () => {
    await using backend = await startOpensmtpd({ mailboxes, listen: 'proxy-v2' })
    const config = {
      listen: [{ address: '127.0.0.1:0', proxy_protocol_from: ['127.0.0.0/8'] }],
      relay_domains: undefined,
      backend: { servers: [`smtp://${host}:${backend.port}`], client_address: 'proxy' },
    }
    await using rcptwise = await startFrontEnd({ backend: backend.port, recipients, config })
    await using haproxy = await startHaproxy(rcptwise.port)
    await using swaks = await openSwaks()
    const basics = [
      '--server',
      `${host}:${haproxy.port}`,
      '--local-interface',
      '127.0.0.9',
      '--helo',
      'swaks.test',
    ]
    const send = async (to: string) => await swaks.run([...basics, '--from', sender, '--to', to])
    expect(await send('tag1@example.org')).toMatchObject({ code: 0 })
    expect((await send('x@elsewhere.test')).transcript).toMatch(/<\*\* 550 /)
    expect(await backend.log()).toContain('smtp connected address=127.0.0.9')
    await backend.empty()
    expect(await backend.mailbox('tag1@example.org')).toHaveLength(1)
  })

  test.concurrent('a refused recipient bounces in its words, the others have theirs', async () => {
    await using backend = await startOpensmtpd(backendOptions)
    await using rcptwise = await startFrontEnd({ backend: backend.port, recipients })
    await using postfix = await startPostfix({ relayTo: { host, port: rcptwise.port } })
    await postfix.submit(mixedMessage(9.5, [...Object.keys(recipients), 'closed@example.org']))
    const { bounced = {}, ...others } = fates[9.5]
    await expectFates(postfix, backend, {
      ...others,
      bounced: { ...bounced, 'closed@example.org': '554 5.2.1 Mailbox closed' },
    })
  })
})
