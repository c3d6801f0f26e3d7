/**
 * What policies say, over two real scanners and a real server behind:
 *
 *   a client ─▶ Rcptwise ─▶ Postfix
 *                 ├─(HTTP)▶ rspamd
 *                 └─(SPAMC)▶ spamd
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeReason } from '../../../src/verdict/reason.ts'
import { Client } from '../../support/dialogue.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { type FrontEnd, startFrontEnd } from '../../support/lab/front-end.ts'
import { type Postfix, startPostfix } from '../../support/lab/postfix.ts'
import { type Rspamd, startRspamd } from '../../support/lab/rspamd.ts'
import { type Spamd, startSpamd } from '../../support/lab/spamd.ts'

const policies = {
  both: { tag_at: 6, reject_at: 15, spamd: { reject_at: 8 } },
  never: { tag_at: 6, never_reject: true },
  patient: { defer_at: 9 },
  symbols: { reject_symbols: ['TEST_SYMBOL'], reject_text: 'Bitte rufen Sie an: Büro' },
  now: { tag_at: 6, no_greylisting: true },
  small: { max_size: '1KiB' },
  closed: { refuse_senders: ['*'], reject_text: 'This address is no longer in use' },
} as const
const recipients = Object.fromEntries(
  Object.keys(policies).map((name) => [`${name}@example.org`, name]),
)
const everybody = Object.keys(recipients)
const leaked = 'both+leaked@example.org'

describe.skipIf(interopObstacle() !== undefined)('what policies say', () => {
  let scanners: { readonly rspamd: Rspamd; readonly spamd: Spamd; readonly postfix: Postfix }
  let front: FrontEnd
  beforeAll(async () => {
    scanners = {
      rspamd: await startRspamd(),
      spamd: await startSpamd(),
      postfix: await startPostfix({ server: { mailboxes: [...everybody, leaked] } }),
    }
    front = await startFrontEnd({
      backend: scanners.postfix.port,
      recipients: { ...recipients, [leaked]: 'closed' },
      config: {
        policies,
        recipients: { default: 'both', sources: [{ file: 'recipients.yaml' }] },
        judges: [
          { rspamd: { url: scanners.rspamd.url } },
          { spamd: { url: `spamd://127.0.0.1:${scanners.spamd.port}` } },
        ],
      },
    })
  })
  afterAll(async () => {
    await front[Symbol.asyncDispose]()
    for (const one of Object.values(scanners)) await one[Symbol.asyncDispose]()
  })

  /** Replies to RCPT that are no, and what each of the others hears by PRDR; with the reasons. */
  async function tell(fields: string, to = everybody, parameters = '') {
    const client = await Client.connect(front.port)
    try {
      await client.reply()
      await client.ask('EHLO client.test')
      await client.ask(`MAIL FROM:<sender@client.test> PRDR${parameters}`)
      const rcpts: string[] = []
      for (const address of to) rcpts.push(await client.ask(`RCPT TO:<${address}>`))
      await client.ask('DATA')
      const lines = [await client.ask(`Subject: test\r\n${fields}\r\nbody\r\n.`)]
      const through = rcpts.filter((reply) => reply.startsWith('250')).length
      if (lines[0]?.startsWith('353') === true)
        for (let i = 0; i <= through; i++) lines.push((await client.reply()).join('\n'))
      const facts = front.transactions().at(-1)?.recipients ?? []
      const reasons = facts.map(({ address, reason }): [string, string] => [
        address.replace('@example.org', ''),
        describeReason(reason),
      ])
      return { rcpts: rcpts.filter((reply) => !reply.startsWith('250')), lines, reasons }
    } finally {
      client.close()
    }
  }

  test('a score between the thresholds: each recipient by its own policy', async () => {
    const { rcpts, lines, reasons } = await tell('X-Test-Score: 9.5\r\n', everybody, ' SIZE=2000')
    expect(rcpts).toEqual([
      '552 5.3.4 <small@example.org> takes no message that is larger than 1024 octets',
      '550 5.7.1 This address is no longer in use',
    ])
    expect(Object.fromEntries(reasons)).toMatchObject({
      both: 'reject_at (score 9.5, threshold 8, by spamd)',
      never: 'tag_at (score 9.5, threshold 6)',
      patient: 'defer_at (score 9.5, threshold 9)',
      symbols: 'below limits',
      now: 'tag_at (score 9.5, threshold 6)',
      small: 'max_size',
      closed: 'refuse_senders',
    })
    expect(lines.slice(1, -1).map((line) => line.slice(0, 3))).toEqual([
      '550',
      '250',
      '451',
      '250',
      '250',
    ])
  })

  test('a refusal that rspamd forces: marked for who says never_reject, and for nobody else', async () => {
    const { reasons } = await tell('X-Test-Action: reject\r\n', [
      'both@example.org',
      'never@example.org',
    ])
    expect(reasons).toEqual([
      ['both', 'forced by judge'],
      ['never', 'never_reject, not forced by judge'],
    ])
    await scanners.postfix.empty()
    const [message = ''] = await scanners.postfix.mailbox('never@example.org')
    expect(message).toMatch(/^X-Rcptwise-Verdict: tag/m)
  })

  test('rspamd puts it off: who says no_greylisting has it now', async () => {
    const { lines } = await tell('X-Test-Action: soft reject\r\n', [
      'both@example.org',
      'now@example.org',
    ])
    expect(lines.slice(1, -1)).toEqual([
      '451 4.7.1 forced soft reject by the test',
      expect.stringMatching(/^250 /),
    ])
  })

  test('a symbol of rspamd, and the words of the recipient', async () => {
    const { lines } = await tell('X-Test-Symbol: yes\r\n', ['symbols@example.org'])
    expect(lines).toEqual(['550 5.7.1 Bitte rufen Sie an: Buro'])
  })

  test('a leaked detail is closed, and the address itself is not', async () => {
    const { rcpts, lines } = await tell('', [leaked, 'both@example.org'])
    expect(rcpts).toEqual(['550 5.7.1 This address is no longer in use'])
    expect(lines).toEqual([expect.stringMatching(/^250 /)])
  })
})
