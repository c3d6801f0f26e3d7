/**
 * A legacy client that keeps the order of recipients, pipelines RCPTs and DATA, and queues what was
 * deferred until its next queue run (senders: sendmail).
 *
 *   sendmail 8.17 ─▶ Rcptwise ─▶ Postfix          (its reports of failure take the same way, to sender@client.test)
 *
 * Every accepted recipient gets the message once, every refused one bounces once, nobody is lost.
 */
import { describe, expect, test } from 'vitest'
import { comingBack, deliveringAttempts } from '../../support/lab/attempts.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { expectFates } from '../../support/lab/fates.ts'
import { startFrontEnd } from '../../support/lab/front-end.ts'
import { fates, mailboxes, mixedMessage, recipients, sender } from '../../support/lab/mixed.ts'
import { startPostfix } from '../../support/lab/postfix.ts'
import { startSendmail } from '../../support/lab/sendmail.ts'

const host = '127.0.0.1'

describe.skipIf(interopObstacle() !== undefined)(
  'sendmail as the client, README.md: “The tests try the rules for these retries with real Postfix, Exim, sendmail, OpenSMTPD, Courier, Haraka, nullmailer and dma.” “Each recipient gets the message once, or its sender learns of the refusal.”',
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
      await using sendmail = await startSendmail({ host, port: rcptwise.port })
      await sendmail.submit(mixedMessage(score))
      const client = { ...sendmail, bounces: async () => await backend.bounces() }
      await expectFates(client, backend, fates[score])
      expect(comingBack(rcptwise, sender)).toEqual({
        eachInAConnection: true,
        allOfTheRest: true,
        nobodyElse: true,
      })
      const least = { group: 6, single: 15, late: 4, auto: 8 }[strategy]
      expect(await rcptwise.metric('rcptwise_forced_retries_total')).toBeGreaterThanOrEqual(least)
      if (strategy === 'late' || strategy === 'auto')
        expect(deliveringAttempts(rcptwise, sender)).toEqual([0])
      expect(await rcptwise.metric('rcptwise_splits_open')).toBe(0)
    })
  },
)
