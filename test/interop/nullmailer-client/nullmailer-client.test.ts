/**
 * A legacy client that can't be split: at the first 4yz for a recipient it drops the whole message
 * and tries all of it again, for ever (senders). Rule 5 lets such a message through unsplit, so
 * that it does not starve.
 *
 *   nullmailer 2.2 ─▶ Rcptwise ─▶ Postfix          (its reports of failure take the same way, to sender@client.test)
 */
import { describe, expect, test } from 'vitest'
import { interopObstacle } from '../../support/lab/availability.ts'
import { expectFates } from '../../support/lab/fates.ts'
import { startFrontEnd } from '../../support/lab/front-end.ts'
import {
  fates,
  lenientFates,
  mailboxes,
  mixedMessage,
  recipients,
  type Score,
} from '../../support/lab/mixed.ts'
import { startNullmailer } from '../../support/lab/nullmailer.ts'
import { startPostfix } from '../../support/lab/postfix.ts'

const host = '127.0.0.1'
const strict = ['strict1@example.org', 'strict2@example.org']
const refused = Object.fromEntries(strict.map((address) => [address, 'this message as spam']))

describe.skipIf(interopObstacle() !== undefined)(
  'nullmailer as the client, README.md: “The tests try the rules for these retries with real Postfix, Exim, sendmail, OpenSMTPD, Courier, Haraka, nullmailer and dma.” “Each recipient gets the message once, or its sender learns of the refusal.”',
  () => {
    test.concurrent.each([
      ['group', 3, undefined, fates[3]],
      ['group', 9.5, undefined, lenientFates[9.5]],
      ['single', 9.5, undefined, lenientFates[9.5]],
      ['group', 9.5, strict, { bounced: refused }],
      ['late', 9.5, undefined, lenientFates[9.5]],
    ] as const)('strategy %s, score %d', async (strategy, score: Score, to, expected) => {
      await using backend = await startPostfix({ server: { mailboxes } })
      await using rcptwise = await startFrontEnd({
        backend: backend.port,
        recipients,
        peer: { strategy },
      })
      await using nullmailer = await startNullmailer({ host, port: rcptwise.port })
      await nullmailer.submit(mixedMessage(score, to))
      const client = { ...nullmailer, bounces: async () => await backend.bounces() }
      await expectFates(client, backend, expected)
      expect(await nullmailer.failed()).toHaveLength('bounced' in expected ? 1 : 0)
      expect(await rcptwise.metric('rcptwise_splits_open')).toBe(0)
    })
  },
)
