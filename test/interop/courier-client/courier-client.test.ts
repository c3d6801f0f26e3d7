/**
 * A legacy client that keeps the order of recipients, pipelines RCPTs and DATA, and queues what was
 * deferred for five minutes, here for a second (senders: Courier). It keeps its connection for the
 * next attempt when that comes so soon.
 *
 *   Courier 1.0 ─▶ Rcptwise ─▶ Postfix          (its reports of failure take the same way, to sender@client.test)
 *
 * Every accepted recipient gets the message once, every refused one bounces once, nobody is lost.
 */
import { describe, expect, test } from 'vitest'
import { comingBack } from '../../support/lab/attempts.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { startCourier } from '../../support/lab/courier.ts'
import { expectFates } from '../../support/lab/fates.ts'
import { startFrontEnd } from '../../support/lab/front-end.ts'
import { fates, mailboxes, mixedMessage, recipients, sender } from '../../support/lab/mixed.ts'
import { startPostfix } from '../../support/lab/postfix.ts'

const host = '127.0.0.1'

describe.skipIf(interopObstacle() !== undefined)(
  'Courier as the client, README.md: “The tests try the rules for these retries with real Postfix, Exim, sendmail, OpenSMTPD, Courier, Haraka, nullmailer and dma.” “Each recipient gets the message once, or its sender learns of the refusal.”',
  () => {
    test.concurrent.each([
      ['group', 3],
      ['group', 9.5],
      ['group', 20],
      ['single', 9.5],
      ['late', 9.5],
    ] as const)('strategy %s, score %d', async (strategy, score) => {
      await using backend = await startPostfix({ server: { mailboxes } })
      await using rcptwise = await startFrontEnd({
        backend: backend.port,
        recipients,
        peer: { strategy },
      })
      await using courier = await startCourier({ host, port: rcptwise.port })
      await courier.submit(mixedMessage(score))
      const client = { ...courier, bounces: async () => await backend.bounces() }
      await expectFates(client, backend, fates[score])
      expect(comingBack(rcptwise, sender)).toMatchObject({ allOfTheRest: true, nobodyElse: true })
      expect(await rcptwise.metric('rcptwise_splits_open')).toBe(0)
    })
  },
)
