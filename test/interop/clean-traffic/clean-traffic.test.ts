/**
 * A refused message does not hold up its sender's next clean ones to the same recipients (rule 10),
 * with real queues:
 *
 *   Postfix, Exim, sendmail, OpenSMTPD, or msmtp (no queue) ─▶ Rcptwise ─▶ Postfix
 *
 * Six clean messages are sent while the refused one is tried again and again. Each is given to
 * everyone in its first attempt; what the refused one takes longer is its own affair.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { TransactionFact } from '../../../src/facts/transaction.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { startExim } from '../../support/lab/exim.ts'
import { startFrontEnd } from '../../support/lab/front-end.ts'
import { mailboxes, recipients, sender } from '../../support/lab/mixed.ts'
import { openMsmtp } from '../../support/lab/msmtp.ts'
import { startOpensmtpd } from '../../support/lab/opensmtpd.ts'
import { startPostfix } from '../../support/lab/postfix.ts'
import { startSendmail } from '../../support/lab/sendmail.ts'
import type { Submission } from '../../support/lab/submission.ts'
import { until } from '../../support/lab/until.ts'

const host = '127.0.0.1'
const everyone = Object.keys(recipients)
const cleanScore = 0.1
const cleanMessages = 6

interface Client extends AsyncDisposable {
  readonly submit: (submission: Submission) => Promise<unknown>
  readonly hurry?: () => Promise<void>
  readonly empty: () => Promise<void>
}

const clients: Readonly<Record<string, (port: number) => Promise<Client>>> = {
  Postfix: async (port) => await startPostfix({ relayTo: { host, port } }),
  Exim: async (port) => await startExim({ relayTo: { host, port }, prdr: false, tls: 'off' }),
  sendmail: async (port) => await startSendmail({ host, port }),
  OpenSMTPD: async (port) => await startOpensmtpd({ relayTo: { host, port } }),
  msmtp: async (port) => {
    const msmtp = await openMsmtp({ host, port })
    return {
      submit: async (submission) => await msmtp.send(submission),
      empty: async () => await Promise.resolve(),
      [Symbol.asyncDispose]: async () => await msmtp[Symbol.asyncDispose](),
    }
  },
}

/** To how many recipients the server behind was given this transaction's message. */
const given = ({ deliveries }: TransactionFact): number =>
  deliveries
    .filter(({ reply }) => reply.startsWith('250'))
    .reduce((sum, { recipients: count }) => sum + count, 0)

describe.skipIf(interopObstacle() !== undefined)(
  'clean mail between the attempts of a refused message',
  () => {
    describe.each(Object.keys(clients))('%s', (name) => {
      test.concurrent.each(['alike', 'different'] as const)('sizes %s', async (sizes) => {
        await using backend = await startPostfix({ server: { mailboxes } })
        await using rcptwise = await startFrontEnd({
          backend: backend.port,
          recipients,
          peer: { strategy: 'late' },
        })
        const start = clients[name]
        if (start === undefined) throw new Error(`no client ${name}`)
        await using client = await start(rcptwise.port)
        const message = (subject: string, score: string, body: string): Submission => ({
          from: sender,
          to: everyone,
          headers: [`X-Spam-Score: ${score}`],
          subject,
          body,
        })
        await client.submit(message('mail s', '9.5', 'A line.\n'))
        const cleanOnes = (): TransactionFact[] =>
          rcptwise.transactions().filter(({ score }) => score === cleanScore)
        const firsts = (): TransactionFact[] => [
          ...new Map(
            cleanOnes()
              .toReversed()
              .map((fact) => [fact.messageId, fact]),
          ).values(),
        ]
        for (let n = 0; n < cleanMessages; n++) {
          const body = sizes === 'alike' ? 'A line.\n' : 'Another line.\n'.repeat(n + 2)
          await client.submit(message(`mail ${n}`, '0.1', body))
          await until(`clean message ${n} was tried`, () => firsts().length > n, {
            explain: rcptwise.log,
          })
          await client.hurry?.()
          await sleep(700)
        }
        expect(firsts().map(given), rcptwise.log()).toEqual(
          Array(cleanMessages).fill(everyone.length),
        )
        await until(
          'the refused message has come to its end',
          async () => {
            await client.hurry?.()
            return name === 'msmtp' || (await rcptwise.metric('rcptwise_splits_open')) === 0
          },
          { explain: rcptwise.log },
        )
        await client.empty()
        await backend.empty()
        for (const address of everyone) {
          const subjects = (await backend.mailbox(address)).map(
            (text) => /^Subject: mail (.)$/m.exec(text)?.[1],
          )
          const clean = subjects.filter((subject) => subject !== 's').sort()
          expect(clean, address).toEqual(Array.from({ length: cleanMessages }, (_, n) => String(n)))
        }
        const wrong = rcptwise.transactions().filter(({ guess }) => guess === 'wrong').length
        expect(wrong).toBeLessThanOrEqual(sizes === 'alike' || name === 'OpenSMTPD' ? 1 : 0)
        if (name === 'msmtp')
          expect(rcptwise.transactions().every(({ guess }) => guess === undefined)).toBe(true)
      })
    })
  },
)
