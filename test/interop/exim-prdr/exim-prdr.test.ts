/**
 * A client that speaks PRDR: one transaction, one true reply a recipient.
 *
 *   Exim 4.96 (hosts_try_prdr = *) ─▶ Rcptwise ─▶ Postfix, or Exim without PRDR
 *
 * Nobody is ever deferred to split; each recipient ends as the verdict says, once.
 */
import { describe, expect, test } from 'vitest'
import { interopObstacle } from '../../support/lab/availability.ts'
import { startExim } from '../../support/lab/exim.ts'
import { expectFates, expectWaiting } from '../../support/lab/fates.ts'
import { startFrontEnd } from '../../support/lab/front-end.ts'
import { fates, mailboxes, mixedMessage, recipients, sender } from '../../support/lab/mixed.ts'
import { startPostfix } from '../../support/lab/postfix.ts'
import { until } from '../../support/lab/until.ts'

const host = '127.0.0.1'

describe.skipIf(interopObstacle() !== undefined)('Exim with PRDR', () => {
  test.concurrent.each([
    ['mixed answers', 9.5, {}, 'off'],
    ['nearly everyone refuses', 20, {}, 'off'],
    ['everyone accepts', 3, {}, 'off'],
    ['mixed answers over BDAT', 9.5, { ehlo: { chunking: true } }, 'off'],
    ['mixed answers over TLS', 9.5, {}, 'require'],
    ['mixed answers over BDAT and TLS', 9.5, { ehlo: { chunking: true } }, 'require'],
  ] as const)('%s', async (_, score, config, tls) => {
    await using backend = await startPostfix({ server: { mailboxes } })
    await using rcptwise = await startFrontEnd({ backend: backend.port, recipients, config })
    await using exim = await startExim({ relayTo: { host, port: rcptwise.port }, tls })
    await exim.submit(mixedMessage(score))
    await expectFates(exim, backend, fates[score])
    const log = await exim.log()
    expect(log.match(/ (?:=>|->|\*\*) \S+@example\.org/g)).toHaveLength(
      Object.keys(recipients).length,
    )
    expect(log.includes('PRDR')).toBe(score !== 3)
    expect(log.includes(' X=TLS')).toBe(tls === 'require')
    expect(log.includes(' K ')).toBe('ehlo' in config)
    expect(await rcptwise.metric('rcptwise_forced_retries_total')).toBe(0)
  })

  test.concurrent('when everyone refuses, one reply says it and each bounces once', async () => {
    await using backend = await startPostfix({ server: { mailboxes } })
    await using rcptwise = await startFrontEnd({ backend: backend.port, recipients })
    await using exim = await startExim({ relayTo: { host, port: rcptwise.port } })
    const to = ['strict1@example.org', 'careful1@example.org', 'strict2@example.org']
    await exim.submit(mixedMessage(20, to))
    const words = 'The recipients refuse this message as spam'
    await expectFates(exim, backend, {
      bounced: Object.fromEntries(to.map((address) => [address, words])),
    })
  })

  test.concurrent(
    '250, 550 and 4yz side by side, the 4yz at RCPT: only that one comes again',
    async () => {
      const server = { mailboxes, atRcpt: { 'tag2@example.org': '450 4.2.1 Mailbox busy' } }
      await using backend = await startExim({ server })
      await using rcptwise = await startFrontEnd({ backend: backend.port, recipients })
      await using exim = await startExim({ relayTo: { host, port: rcptwise.port } })
      await exim.submit(mixedMessage(9.5))
      await until('the strict ones have bounced', async () => (await exim.bounces()).length === 2, {
        explain: exim.log,
      })
      await expectWaiting(exim, ['tag2@example.org'])
      expect(await exim.log()).toContain('450 4.2.1 Mailbox busy')
      await backend.answer({})
      await expectFates(exim, backend, fates[9.5])
    },
  )

  test.concurrent(
    '250, 550 and 4yz side by side after the text, as a judging backend says it',
    async () => {
      const atDot = {
        'strict1@example.org': '550 5.7.1 Strictly no',
        'careful1@example.org': '451 4.7.1 Carefully later',
      }
      await using backend = await startExim({ server: { mailboxes, atDot } })
      await using rcptwise = await startFrontEnd({
        backend: backend.port,
        recipients,
        config: { last_word: 'backend' },
      })
      await using exim = await startExim({ relayTo: { host, port: rcptwise.port } })
      await exim.submit({ from: sender, to: Object.keys(recipients) })
      await until('the strict ones have bounced', async () => (await exim.bounces()).length === 2, {
        explain: exim.log,
      })
      await expectWaiting(exim, ['careful1@example.org', 'careful2@example.org'])
      expect(await exim.log()).toContain('451 4.7.1 Carefully later')
      await backend.answer({})
      await expectFates(exim, backend, {
        plain: [
          'careful1@example.org',
          'careful2@example.org',
          'tag1@example.org',
          'tag2@example.org',
        ],
        bounced: {
          'strict1@example.org': '550 5.7.1 Strictly no',
          'strict2@example.org': '550 5.7.1 Strictly no',
        },
      })
    },
  )
})
