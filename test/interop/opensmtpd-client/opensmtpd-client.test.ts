/**
 * A legacy client that offers recipients in random order, one command after the other, and queues
 * what was deferred (senders: OpenSMTPD). Its first retry comes after 400 s by itself; the test
 * asks for it with `smtpctl schedule all`.
 *
 *   OpenSMTPD 6.8 ─▶ Rcptwise ─▶ Postfix          (its reports of failure take the same way, to sender@client.test)
 *
 * Every accepted recipient gets the message once, every refused one bounces once, nobody is lost.
 */
import { describe, expect, test } from 'vitest'
import { comingBack, deliveringAttempts } from '../../support/lab/attempts.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { expectFates } from '../../support/lab/fates.ts'
import { startFrontEnd } from '../../support/lab/front-end.ts'
import type { Bounce } from '../../support/lab/maildir.ts'
import { fates, mailboxes, mixedMessage, recipients, sender } from '../../support/lab/mixed.ts'
import { startOpensmtpd } from '../../support/lab/opensmtpd.ts'
import { startPostfix } from '../../support/lab/postfix.ts'

const host = '127.0.0.1'

/** Its reports have the reply in their first part alone: `address: reply`, folded nowhere. */
const withWords = (bounce: Bounce): Bounce => ({
  ...bounce,
  reply: bounce.report.split('\n').find((line) => line.startsWith(`${bounce.recipient}: `)) ?? '',
})

describe.skipIf(interopObstacle() !== undefined)(
  'OpenSMTPD as the client, README.md: “The tests try the rules for these retries with real Postfix, Exim, sendmail, OpenSMTPD, Courier, Haraka, nullmailer and dma.” “Each recipient gets the message once, or its sender learns of the refusal.”',
  () => {
    test.concurrent.each([
      ['group', 3],
      ['group', 9.5],
      ['group', 20],
      ['single', 9.5],
      ['late', 9.5],
      ['auto', 20],
    ] as const)('strategy %s, score %d', async (strategy, score) => {
      await using backend = await startPostfix({ server: { mailboxes } })
      await using rcptwise = await startFrontEnd({
        backend: backend.port,
        recipients,
        peer: { strategy },
      })
      await using opensmtpd = await startOpensmtpd({ relayTo: { host, port: rcptwise.port } })
      await opensmtpd.submit(mixedMessage(score))
      const client = { ...opensmtpd, bounces: async () => (await backend.bounces()).map(withWords) }
      await expectFates(client, backend, fates[score])
      expect(comingBack(rcptwise, sender).nobodyElse).toBe(true)
      expect(await rcptwise.metric('rcptwise_splits_open')).toBe(0)
      if (strategy === 'late' || strategy === 'auto')
        expect(deliveringAttempts(rcptwise, sender)).toEqual([0])
    })
  },
)
