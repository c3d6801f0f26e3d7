/**
 * The site that Rcptwise is for: one filter, three kinds of recipients, and messages whose score
 * lies between their limits.
 *
 *   Exim with PRDR, Postfix ─▶ Rcptwise ─(XCLIENT)▶ Postfix
 *                                 └─(HTTP)▶ rspamd 3.4
 *
 * rspamd scans each message once; each recipient's own thresholds count.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Client } from '../../support/dialogue.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { startExim } from '../../support/lab/exim.ts'
import { expectFates } from '../../support/lab/fates.ts'
import { type FrontEnd, startFrontEnd } from '../../support/lab/front-end.ts'
import { fates, mailboxes, mixedMessage, recipients, sender } from '../../support/lab/mixed.ts'
import { type Postfix, startPostfix } from '../../support/lab/postfix.ts'
import { type Rspamd, startRspamd } from '../../support/lab/rspamd.ts'

const host = '127.0.0.1'
const scored = (score: 3 | 9.5 | 20) => ({
  ...mixedMessage(score),
  headers: [`X-Test-Score: ${score}`],
})
const [strict, careful, tagOnly] = [
  'strict1@example.org',
  'careful1@example.org',
  'tag1@example.org',
] as const

describe.skipIf(interopObstacle() !== undefined)('rspamd as the judge', () => {
  let rspamd: Rspamd
  beforeAll(async () => {
    rspamd = await startRspamd()
  })
  afterAll(async () => {
    await rspamd[Symbol.asyncDispose]()
  })

  const front = async (
    backend: Postfix,
    judge: Readonly<Record<string, unknown>> = {},
    config: Readonly<Record<string, unknown>> = {},
  ): Promise<FrontEnd> =>
    await startFrontEnd({
      backend: backend.port,
      recipients,
      config: { judges: [{ rspamd: { url: rspamd.url, ...judge } }], ...config },
    })

  /** What one message to these hears, as a client without PRDR. */
  async function tell(
    rcptwise: FrontEnd,
    fields: string,
    to: readonly string[],
    body = 'body\r\n',
  ): Promise<string> {
    const client = await Client.connect(rcptwise.port)
    try {
      await client.reply()
      await client.ask('EHLO client.test')
      await client.ask(`MAIL FROM:<${sender}>`)
      for (const address of to) await client.ask(`RCPT TO:<${address}>`)
      await client.ask('DATA')
      return await client.ask(`Subject: test\r\n${fields}\r\n${body}.`)
    } finally {
      client.close()
    }
  }

  test.concurrent.each([3, 9.5, 20] as const)(
    'Exim with PRDR: a message of %d, each recipient in one transaction',
    async (score) => {
      await using backend = await startPostfix({ server: { mailboxes } })
      await using rcptwise = await front(backend)
      await using exim = await startExim({ relayTo: { host, port: rcptwise.port } })
      await exim.submit(scored(score))
      await expectFates(exim, backend, fates[score])
      expect(await rcptwise.metric('rcptwise_forced_retries_total')).toBe(0)
    },
  )

  test.concurrent.each([3, 9.5, 20] as const)(
    'Postfix: a message of %d, each recipient in the end',
    async (score) => {
      await using backend = await startPostfix({ server: { mailboxes } })
      await using rcptwise = await front(backend)
      await using postfix = await startPostfix({ relayTo: { host, port: rcptwise.port } })
      await postfix.submit(scored(score))
      await expectFates(postfix, backend, fates[score])
    },
  )

  test('the log says score, symbols and who judged; rspamd knows the transaction', async () => {
    await using backend = await startPostfix({ server: { mailboxes } })
    await using rcptwise = await front(backend)
    expect(await tell(rcptwise, 'X-Test-Score: 7\r\n', [careful])).toMatch(/^250 /)
    const [transaction] = rcptwise.transactions()
    expect(transaction).toMatchObject({ score: 7, symbols: ['TEST_SCORE', 'TEST_ENVELOPE'] })
    expect(await rspamd.log()).toContain(`qid: <${transaction?.transaction ?? ''}>`)
  })

  test('what rspamd wants in the header section stands there, for plain and tagged alike', async () => {
    await using backend = await startPostfix({ server: { mailboxes } })
    await using rcptwise = await front(
      backend,
      {},
      { peers: [{ name: 'default', strategy: 'late' }] },
    )
    const fields =
      'X-Test-Score: 5.5\r\nX-Test-Edits: yes\r\nX-Remove-All: a\r\nX-Remove-All: b\r\n'
    expect(await tell(rcptwise, fields, [strict, tagOnly])).toMatch(/^250 /)
    await backend.empty()
    for (const [address, verdict] of [
      [strict, 'tag'],
      [tagOnly, undefined],
    ] as const) {
      const [message = ''] = await backend.mailbox(address)
      expect(/^X-Rcptwise-Verdict: (\w+)/m.exec(message)?.[1]).toBe(verdict)
      expect(message).toMatch(/^X-Added: one\r?$/m)
      expect(message.match(/^X-Twice: [ab]\r?$/gm)).toHaveLength(2)
      expect(message).not.toContain('X-Remove-All')
    }
  })

  test('what it forces counts for everyone, in its words', async () => {
    await using backend = await startPostfix({ server: { mailboxes } })
    await using rcptwise = await front(
      backend,
      {},
      { peers: [{ name: 'default', strategy: 'late' }] },
    )
    const all = [strict, careful, tagOnly]
    expect(await tell(rcptwise, 'X-Test-Action: reject\r\n', all)).toBe(
      '550 5.7.1 forced reject by the test',
    )
    const later = await tell(rcptwise, 'X-Test-Action: soft reject\r\n', all)
    expect(later).toBe('451 4.7.1 forced soft reject by the test')
    expect(await rcptwise.metric('rcptwise_forced_retries_total')).toBe(0)
  })

  test.each([
    ['accept', /^250 /, undefined],
    ['tag', /^250 /, 'tag'],
    ['defer', /^451 /, undefined],
  ])('it is away, on_failure: %s', async (on_failure, reply, verdict) => {
    await using gone = await startRspamd()
    const { url } = gone
    await gone.kill()
    await using backend = await startPostfix({ server: { mailboxes } })
    await using rcptwise = await front(backend, { url, on_failure })
    expect(await tell(rcptwise, 'X-Test-Score: 99\r\n', [careful])).toMatch(reply)
    await backend.empty()
    const [message] = await backend.mailbox(careful)
    expect(message === undefined).toBe(on_failure === 'defer')
    expect(/^X-Rcptwise-Verdict: (\w+)/m.exec(message ?? '')?.[1]).toBe(verdict)
  })

  test('one of two is away: the other one is asked', async () => {
    await using gone = await startRspamd()
    const { url } = gone
    await gone.kill()
    await using backend = await startPostfix({ server: { mailboxes } })
    await using rcptwise = await front(backend, { url: [url, rspamd.url] })
    expect(await tell(rcptwise, 'X-Test-Score: 99\r\n', [careful])).toMatch(/^550 5\.7\.1 /)
  })

  test('a message above max_size is not judged, and passes', async () => {
    await using backend = await startPostfix({ server: { mailboxes } })
    await using rcptwise = await front(backend, { max_size: '10KiB' })
    const body = `${'x'.repeat(70)}\r\n`.repeat(500)
    expect(await tell(rcptwise, 'X-Test-Score: 99\r\n', [careful], body)).toMatch(/^250 /)
    expect(await tell(rcptwise, 'X-Test-Score: 99\r\n', [careful])).toMatch(/^550 5\.7\.1 /)
  })
})
