/**
 * A legacy client that queues what was deferred and comes back with the rest.
 *
 *   Exim 4.96 (hosts_try_prdr empty) ─▶ Rcptwise ─▶ Postfix
 *
 * Every accepted recipient gets the message once, every refused one bounces once, nobody is lost.
 * After 452 Exim goes on in the same connection, and takes a 5yz after the text for all who were
 * deferred (senders: Hazards); rule 2 keeps the refusal back until the refused are alone.
 */
import { describe, expect, test } from 'vitest'
import { deliveringAttempts } from '../../support/lab/attempts.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { startExim } from '../../support/lab/exim.ts'
import { expectFates } from '../../support/lab/fates.ts'
import { startFrontEnd } from '../../support/lab/front-end.ts'
import {
  fates,
  lenientFates,
  mailboxes,
  mixedMessage,
  recipients,
  sender,
} from '../../support/lab/mixed.ts'
import { startPostfix } from '../../support/lab/postfix.ts'

const host = '127.0.0.1'

describe.skipIf(interopObstacle() !== undefined)(
  'Exim without PRDR, README.md: “The tests try the rules for these retries with real Postfix, Exim, sendmail, OpenSMTPD, Courier, Haraka, nullmailer and dma.” “Each recipient gets the message once, or its sender learns of the refusal.”',
  () => {
    test.concurrent.each([
      ['group', { defer_code: 451 }, 3],
      ['group', { defer_code: 451 }, 9.5],
      ['group', { defer_code: 451 }, 20],
      ['group', { defer_code: 450, first: 'offered' }, 9.5],
      ['group', { defer_code: 452 }, 3],
      ['group', { defer_code: 452 }, 9.5],
      ['group', { defer_code: 452, first: 'offered' }, 20],
      ['single', { defer_code: 451 }, 9.5],
      ['single', { defer_code: 452 }, 9.5],
      ['single', { defer_code: 452 }, 20],
      ['late', { defer_code: 451 }, 9.5],
      ['late', { defer_code: 452 }, 20],
      ['auto', { defer_code: 451 }, 20],
    ] as const)('strategy %s with %o, score %d', async (strategy, how, score) => {
      await using backend = await startPostfix({ server: { mailboxes } })
      await using rcptwise = await startFrontEnd({
        backend: backend.port,
        recipients,
        peer: { strategy, ...how },
      })
      await using exim = await startExim({
        relayTo: { host, port: rcptwise.port },
        prdr: false,
        tls: 'off',
      })
      await exim.submit(mixedMessage(score))
      await expectFates(exim, backend, fates[score])
      expect(await exim.log()).not.toContain('PRDR')
      expect(await rcptwise.metric('rcptwise_forced_retries_total')).toBeGreaterThan(0)
      expect(await rcptwise.metric('rcptwise_splits_open')).toBe(0)
      if (strategy === 'late' || strategy === 'auto')
        expect(deliveringAttempts(rcptwise, sender)).toEqual([0])
    })

    test.concurrent.each(['largest', 'offered'])(
      'after 452 it goes on in the same connection, first: %s',
      async (first) => {
        await using backend = await startPostfix({ server: { mailboxes } })
        const peer = { strategy: 'group', defer_code: 452, first }
        await using rcptwise = await startFrontEnd({ backend: backend.port, recipients, peer })
        await using exim = await startExim({
          relayTo: { host, port: rcptwise.port },
          prdr: false,
          tls: 'off',
        })
        await exim.submit(mixedMessage(3))
        await expectFates(exim, backend, fates[3])
        const transactions = rcptwise.transactions()
        expect(transactions.map(({ outcome }) => outcome)).toEqual([
          'accepted',
          'accepted',
          'accepted',
        ])
        expect(new Set(transactions.map(({ session }) => session)).size).toBe(1)
      },
    )

    test.concurrent('strategy lenient: nobody waits, nobody bounces', async () => {
      await using backend = await startPostfix({ server: { mailboxes } })
      await using rcptwise = await startFrontEnd({
        backend: backend.port,
        recipients,
        peer: { strategy: 'lenient' },
      })
      await using exim = await startExim({
        relayTo: { host, port: rcptwise.port },
        prdr: false,
        tls: 'off',
      })
      await exim.submit(mixedMessage(9.5))
      await expectFates(exim, backend, lenientFates[9.5])
      expect(await rcptwise.metric('rcptwise_forced_retries_total')).toBe(0)
    })
  },
)
