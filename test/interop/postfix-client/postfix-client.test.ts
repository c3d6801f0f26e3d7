/**
 * The most common legacy client: it pipelines MAIL, RCPTs and DATA in one write, with recipients
 * sorted by address, and queues what was deferred.
 *
 *   Postfix 3.7 ─▶ Rcptwise ─▶ Postfix 3.7
 *
 * Every accepted recipient gets the message once, every refused one bounces once, nobody is lost.
 */
import { describe, expect, test } from 'vitest'
import { deliveringAttempts } from '../../support/lab/attempts.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { expectFates } from '../../support/lab/fates.ts'
import { startFrontEnd } from '../../support/lab/front-end.ts'
import { fates, mailboxes, mixedMessage, recipients, sender } from '../../support/lab/mixed.ts'
import { startPostfix } from '../../support/lab/postfix.ts'

const host = '127.0.0.1'

describe.skipIf(interopObstacle() !== undefined)(
  'Postfix as the client, README.md: “The tests try the rules for these retries with real Postfix, Exim, sendmail, OpenSMTPD, Courier, Haraka, nullmailer and dma.” “Each recipient gets the message once, or its sender learns of the refusal.”',
  () => {
    test.concurrent.each([
      ['group', 3, 'off'],
      ['group', 9.5, 'off'],
      ['group', 20, 'require'],
      ['single', 9.5, 'off'],
      ['single', 20, 'off'],
      ['late', 9.5, 'off'],
      ['auto', 20, 'off'],
    ] as const)('strategy %s, score %d, TLS %s', async (strategy, score, tls) => {
      await using backend = await startPostfix({ server: { mailboxes } })
      await using rcptwise = await startFrontEnd({
        backend: backend.port,
        recipients,
        peer: { strategy },
      })
      await using postfix = await startPostfix({ relayTo: { host, port: rcptwise.port }, tls })
      await postfix.submit(mixedMessage(score))
      await expectFates(postfix, backend, fates[score])
      expect((await postfix.log()).includes('TLS connection established')).toBe(tls === 'require')
      expect(await rcptwise.metric('rcptwise_splits_open')).toBe(0)
      if (strategy === 'late' || strategy === 'auto')
        expect(deliveringAttempts(rcptwise, sender)).toEqual([0])
    })

    test.concurrent(
      'many messages over reused connections: each recipient of each gets it once',
      async () => {
        await using backend = await startPostfix({ server: { mailboxes } })
        await using rcptwise = await startFrontEnd({ backend: backend.port, recipients })
        await using postfix = await startPostfix({ relayTo: { host, port: rcptwise.port } })
        const subjects = Array.from({ length: 8 }, (_, number) => `number ${number}`)
        for (const subject of subjects) await postfix.submit({ ...mixedMessage(3), subject })
        await postfix.empty()
        await backend.empty()
        for (const address of Object.keys(recipients)) {
          const got = (await backend.mailbox(address)).map(
            (message) => /^Subject: (.*)$/m.exec(message)?.[1],
          )
          expect(got.sort()).toEqual(subjects)
        }
        expect(await postfix.bounces()).toEqual([])
      },
    )
  },
)
