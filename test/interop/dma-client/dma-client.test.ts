/**
 * A legacy client that needs no splitting: it opens a connection for each recipient (senders: dma),
 * so each has their own answer at once, whatever the strategy.
 *
 *   dma 0.13 ─▶ Rcptwise ─▶ Postfix          (its reports of failure take the same way, to sender@client.test)
 */
import { describe, expect, test } from 'vitest'
import { interopObstacle } from '../../support/lab/availability.ts'
import { openDma } from '../../support/lab/dma.ts'
import { expectFates } from '../../support/lab/fates.ts'
import { startFrontEnd } from '../../support/lab/front-end.ts'
import type { Bounce } from '../../support/lab/maildir.ts'
import { fates, mailboxes, mixedMessage, recipients, sender } from '../../support/lab/mixed.ts'
import { startPostfix, type Postfix } from '../../support/lab/postfix.ts'

const host = '127.0.0.1'

/** Its reports are plain words: one recipient each, and the reply. */
const reports = async (backend: Postfix): Promise<Bounce[]> =>
  (await backend.mailbox(sender)).map((report) => ({
    recipient: /^There was an error delivering your mail to <(.*)>\.$/m.exec(report)?.[1] ?? '',
    reply: /did not like our .*:\n(.*)/.exec(report)?.[1] ?? '',
    report,
  }))

describe.skipIf(interopObstacle() !== undefined)(
  'dma as the client, README.md: “The tests try the rules for these retries with real Postfix, Exim, sendmail, OpenSMTPD, Courier, Haraka, nullmailer and dma.” “Each recipient gets the message once, or its sender learns of the refusal.”',
  () => {
    test.concurrent.each([
      ['group', 3],
      ['group', 9.5],
      ['single', 20],
    ] as const)('strategy %s, score %d', async (strategy, score) => {
      await using backend = await startPostfix({ server: { mailboxes } })
      await using rcptwise = await startFrontEnd({
        backend: backend.port,
        recipients,
        peer: { strategy },
      })
      await using dma = await openDma({ host, port: rcptwise.port })
      await dma.submit(mixedMessage(score))
      await expectFates(
        { ...dma, bounces: async () => await reports(backend) },
        backend,
        fates[score],
      )
      const attempts = rcptwise.transactions().filter(({ reversePath }) => reversePath === sender)
      expect(attempts.map((attempt) => attempt.recipients.length)).toEqual([1, 1, 1, 1, 1, 1])
      expect(new Set(attempts.map(({ session }) => session)).size).toBe(6)
      expect(await rcptwise.metric('rcptwise_forced_retries_total')).toBe(0)
    })
  },
)
