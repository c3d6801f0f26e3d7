/**
 * A client without a queue: at the first 4yz for a recipient it gives up the whole message and says
 * so to its user (senders: msmtp). When the user sends it again, rule 5 lets it through; with
 * `lenient` there is nothing to see.
 *
 *   msmtp 1.8 ─▶ Rcptwise ─▶ Postfix
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
} from '../../support/lab/mixed.ts'
import { openMsmtp } from '../../support/lab/msmtp.ts'
import { startPostfix } from '../../support/lab/postfix.ts'

const host = '127.0.0.1'
/** No queue: nothing is left behind, and nobody is told by mail. */
const client = {
  empty: async () => {
    await Promise.resolve()
  },
  bounces: async () => await Promise.resolve([]),
  log: async () => await Promise.resolve(''),
}

describe.skipIf(interopObstacle() !== undefined)('msmtp as the client', () => {
  test.concurrent.each([
    ['group', 3, fates[3]],
    ['group', 9.5, lenientFates[9.5]],
    ['single', 9.5, lenientFates[9.5]],
  ] as const)(
    'strategy %s, score %d: sent again by its user, the message goes through',
    async (strategy, score, fate) => {
      await using backend = await startPostfix({ server: { mailboxes } })
      await using rcptwise = await startFrontEnd({
        backend: backend.port,
        recipients,
        peer: { strategy },
      })
      await using msmtp = await openMsmtp({ host, port: rcptwise.port })
      const message = mixedMessage(score)
      const first = await msmtp.send(message)
      // A deferral and a refusal are one to it: EX_UNAVAILABLE.
      expect(first.code).toBe(69)
      expect(first.transcript).toContain('451 4.5.3')
      let codes = [69]
      while (codes.at(-1) !== 0 && codes.length < 6)
        codes = [...codes, (await msmtp.send(message)).code]
      expect(codes.at(-1), rcptwise.log()).toBe(0)
      await expectFates(client, backend, fate)
    },
  )

  test.concurrent(
    'strategy lenient: its user sees nothing; all who can be served are',
    async () => {
      await using backend = await startPostfix({ server: { mailboxes } })
      await using rcptwise = await startFrontEnd({
        backend: backend.port,
        recipients,
        peer: { strategy: 'lenient' },
      })
      await using msmtp = await openMsmtp({ host, port: rcptwise.port })
      expect(await msmtp.send(mixedMessage(9.5))).toMatchObject({ code: 0, transcript: '' })
      await expectFates(client, backend, lenientFates[9.5])
    },
  )

  test.concurrent('refused by all: its user sees the reason', async () => {
    await using backend = await startPostfix({ server: { mailboxes } })
    await using rcptwise = await startFrontEnd({ backend: backend.port, recipients })
    await using msmtp = await openMsmtp({ host, port: rcptwise.port })
    const refused = await msmtp.send(
      mixedMessage(9.5, ['strict1@example.org', 'strict2@example.org']),
    )
    expect(refused.transcript).toContain('550 5.7.1')
    expect(refused.code).toBe(69)
  })
})
