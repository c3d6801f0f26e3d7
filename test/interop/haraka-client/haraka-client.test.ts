/**
 * A legacy client that offers one recipient after the other, queues what was deferred for a minute,
 * here for a second, and bounces everybody at a 5yz after the text (senders: Haraka). Rule 2 is
 * what keeps mail from being lost.
 *
 *   Haraka 3.3 ─▶ Rcptwise ─▶ Postfix          (its reports of failure take the same way, to sender@client.test)
 *
 * Every accepted recipient gets the message once, every refused one bounces once, nobody is lost.
 */
import { describe, expect, test } from 'vitest'
import { comingBack, deliveringAttempts } from '../../support/lab/attempts.ts'
import { harakaObstacle } from '../../support/lab/availability.ts'
import { startExim } from '../../support/lab/exim.ts'
import { expectFates } from '../../support/lab/fates.ts'
import { startFrontEnd } from '../../support/lab/front-end.ts'
import { startHaraka } from '../../support/lab/haraka.ts'
import type { Bounce } from '../../support/lab/maildir.ts'
import { fates, mailboxes, mixedMessage, recipients, sender } from '../../support/lab/mixed.ts'
import { startPostfix } from '../../support/lab/postfix.ts'

const host = '127.0.0.1'

/** Its report of some who were refused at RCPT names them, with neither an Action nor the reply. */
const named = (report: string): Bounce[] =>
  [...report.matchAll(/^Final-Recipient: rfc822;(\S+)/gm)].map(([, recipient = '']) => ({
    recipient,
    reply: '',
    report,
  }))

describe.skipIf(harakaObstacle() !== undefined)(
  'Haraka as the client, README.md: “The tests try the rules for these retries with real Postfix, Exim, sendmail, OpenSMTPD, Courier, Haraka, nullmailer and dma.” “Each recipient gets the message once, or its sender learns of the refusal.”',
  () => {
    test.concurrent.each([
      ['single', 9.5, false],
      ['group', 3, false],
      ['group', 9.5, false],
      ['group', 20, true],
      ['late', 9.5, true],
      ['auto', 20, false],
    ] as const)('strategy %s, score %d, TLS %s', async (strategy, score, tls) => {
      await using backend = await startPostfix({ server: { mailboxes } })
      await using rcptwise = await startFrontEnd({
        backend: backend.port,
        recipients,
        peer: { strategy },
      })
      await using haraka = await startHaraka({ relayTo: { host, port: rcptwise.port }, tls })
      await haraka.submit(mixedMessage(score))
      const client = { ...haraka, bounces: async () => await backend.bounces() }
      await expectFates(client, backend, fates[score])
      expect(comingBack(rcptwise, sender)).toEqual({
        eachInAConnection: true,
        allOfTheRest: true,
        nobodyElse: true,
      })
      expect(rcptwise.transactions().every((fact) => fact.client.tls === tls)).toBe(true)
      expect(await rcptwise.metric('rcptwise_splits_open')).toBe(0)
      if (strategy === 'late' || strategy === 'auto')
        expect(deliveringAttempts(rcptwise, sender)).toEqual([0])
    })

    test.concurrent(
      'an unknown address among them, which the backend refuses at RCPT, bounces once',
      async () => {
        const unknown = 'nobody@example.org'
        await using backend = await startPostfix({ server: { mailboxes } })
        await using rcptwise = await startFrontEnd({ backend: backend.port, recipients })
        await using haraka = await startHaraka({ relayTo: { host, port: rcptwise.port } })
        const [first = '', ...others] = Object.keys(recipients)
        await haraka.submit(mixedMessage(9.5, [first, unknown, ...others]))
        const client = {
          ...haraka,
          bounces: async () => (await backend.mailbox(sender)).flatMap(named),
        }
        const bounced = Object.fromEntries(
          [unknown, ...Object.keys(fates[9.5].bounced ?? {})].map((each) => [each, '']),
        )
        await expectFates(client, backend, { ...fates[9.5], bounced })
        expect(await rcptwise.metric('rcptwise_splits_open')).toBe(0)
      },
    )

    test.concurrent(
      'with AUTH it is never split (rule 7): one transaction for everyone',
      async () => {
        const password = 'open sesame'
        await using backend = await startExim({
          server: { mailboxes, passwords: { haraka: password } },
        })
        const config = { listen: [{ address: '127.0.0.1:0', auth: 'pass' }] }
        await using rcptwise = await startFrontEnd({
          backend: backend.port,
          recipients,
          peer: { strategy: 'single' },
          config,
        })
        await using haraka = await startHaraka({
          relayTo: { host, port: rcptwise.port },
          as: { user: 'haraka', password },
        })
        await haraka.submit(mixedMessage(3))
        await expectFates(
          { ...haraka, bounces: async () => await backend.bounces() },
          backend,
          fates[3],
        )
        expect(rcptwise.transactions()).toMatchObject([
          { unsplit: 'trusted', outcome: 'accepted', mode: 'plain' },
        ])
        expect(await backend.log()).toContain(' A=cram:haraka ')
        expect(await haraka.waits()).toEqual([])
      },
    )

    test.concurrent(
      'messages one after the other: each recipient of each gets it once',
      async () => {
        await using backend = await startPostfix({ server: { mailboxes } })
        await using rcptwise = await startFrontEnd({ backend: backend.port, recipients })
        await using haraka = await startHaraka({ relayTo: { host, port: rcptwise.port } })
        const subjects = Array.from({ length: 4 }, (_, number) => `number ${number}`)
        for (const subject of subjects) await haraka.submit({ ...mixedMessage(3), subject })
        await haraka.empty()
        await backend.empty()
        for (const address of Object.keys(recipients)) {
          const got = (await backend.mailbox(address)).map(
            (message) => /^Subject: (.*)$/m.exec(message)?.[1],
          )
          expect(got.sort()).toEqual(subjects)
        }
        expect(await backend.bounces()).toEqual([])
      },
    )
  },
)
