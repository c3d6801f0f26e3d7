/**
 * SpamAssassin as the judge, for everyone and with each recipient's own settings.
 *
 *   a client ─▶ Rcptwise ─▶ Postfix
 *                  └─(SPAMC/1.5)▶ spamd 4.0
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SpamdClient } from '../../../src/judge/spamd/client.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { startExim } from '../../support/lab/exim.ts'
import { expectFates } from '../../support/lab/fates.ts'
import { startFrontEnd } from '../../support/lab/front-end.ts'
import { fates, mailboxes, mixedMessage, recipients } from '../../support/lab/mixed.ts'
import { startPostfix } from '../../support/lab/postfix.ts'
import { type Spamd, startSpamd } from '../../support/lab/spamd.ts'

const host = '127.0.0.1'

describe.skipIf(interopObstacle() !== undefined)('spamd as the judge', () => {
  let spamd: Spamd
  beforeAll(async () => {
    spamd = await startSpamd()
  })
  afterAll(async () => {
    await spamd[Symbol.asyncDispose]()
  })

  test.each([
    ['7.5', undefined, 7.5],
    ['7.5', 'tolerant@example.org', 1],
    ['7.5', 'somebody-else', 7.5],
    ['none', undefined, 0],
  ])('X-Test-Score: %s as %s is %d, also without a line end', async (said, user, score) => {
    const client = new SpamdClient({
      servers: [spamd],
      answerLimitBytes: 64 * 1024,
      connectTimeoutMs: 5000,
      now: Date.now,
      onChange: () => undefined,
    })
    const whole = [Buffer.from(`Subject: x\r\nX-Test-Score: ${said}\r\n\r\nno line end`)]
    const text = {
      whole: () => whole,
      async *chunks() {
        yield* await Promise.resolve(whole)
      },
    }
    const scan = await client.scan({
      text,
      size: whole[0]?.length ?? 0,
      ...(user === undefined ? {} : { user }),
      signal: AbortSignal.timeout(30_000),
    })
    expect(scan).toMatchObject({ score })
    expect(await client.ping(spamd, AbortSignal.timeout(10_000))).toBeUndefined()
  })

  test.concurrent.each([3, 9.5, 20] as const)(
    'Exim with PRDR: a message of %d, each recipient by their own thresholds',
    async (score) => {
      await using backend = await startPostfix({ server: { mailboxes } })
      await using rcptwise = await startFrontEnd({
        backend: backend.port,
        recipients,
        config: { judges: [{ spamd: { url: `spamd://${host}:${spamd.port}` } }] },
      })
      await using exim = await startExim({ relayTo: { host, port: rcptwise.port } })
      await exim.submit({ ...mixedMessage(score), headers: [`X-Test-Score: ${score}`] })
      await expectFates(exim, backend, fates[score])
    },
  )

  test('scan: per_recipient: each with the scores of that user', async () => {
    const to = ['tolerant@example.org', 'strict1@example.org']
    await using backend = await startPostfix({ server: { mailboxes: to } })
    await using rcptwise = await startFrontEnd({
      backend: backend.port,
      recipients: { ...recipients, 'tolerant@example.org': 'strict' },
      config: {
        judges: [{ spamd: { url: `spamd://${host}:${spamd.port}`, scan: 'per_recipient' } }],
      },
    })
    await using exim = await startExim({ relayTo: { host, port: rcptwise.port } })
    await exim.submit({ ...mixedMessage(9.5, to), headers: ['X-Test-Score: 9.5'] })
    await expectFates(exim, backend, {
      plain: ['tolerant@example.org'],
      bounced: { 'strict1@example.org': 'this message as spam' },
    })
  })
})
