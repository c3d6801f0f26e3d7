/**
 * A server that refuses us, whatever the message, bounces nothing: 451 wherever it says so, a fact
 * for the alarm, and no use of that connection again.
 */
import { describe, expect, test } from 'vitest'
import { replies } from '../../src/smtp/replies.ts'
import { describeReply } from '../../src/smtp/reply.ts'
import { type FakeBackend, type Rule, startFakeBackend } from '../support/fake-backend.ts'
import { until } from '../support/lab/until.ts'
import { type OpenBackend, openBackend, recipients } from './backend-session.ts'
import { wholeText } from './whole-text.ts'

const text = wholeText('Subject: x\r\n\r\nhello\r\n')
const refusesUs = describeReply(replies.backendRefusesUs)
const startTls = '530 5.7.0 Must issue a STARTTLS command first'

const told = ({ facts }: OpenBackend): string[] =>
  facts.flatMap((fact) => (fact.kind === 'backendRefusesUs' ? [`${fact.step}: ${fact.reply}`] : []))

/** One message to two recipients: all that the session was told. */
async function send(open: OpenBackend, each = false): Promise<string[]> {
  const begun = await open.begin().envelope(recipients(2), '<s@x>', each)
  const went = begun.told.filter((line) => /^rcpt \d 250/.test(line)).map((line) => Number(line[5]))
  const results = went.length === 0 ? [] : await begun.deliver(begun.order(went), text)
  begun.transaction.abandon()
  await until('the connection is given back', () =>
    open.backend.connections().every(({ busy }) => busy === 0),
  )
  return [...begun.told, ...results]
}

describe('a refusal that is about us', () => {
  test.each<[string, Rule, readonly string[], string]>([
    ['at MAIL', { on: 'MAIL', say: startTls }, [`mail ${refusesUs}`], `mail: ${startTls}`],
    [
      'at RCPT',
      { on: 'RCPT', having: '<0@x>', say: startTls },
      [
        'mail 250 2.1.0 Ok',
        `rcpt 0 ${refusesUs}`,
        'rcpt 1 250 2.1.5 Ok',
        expect.stringMatching(/^250 /) as string,
      ],
      `rcpt: ${startTls}`,
    ],
    [
      'at DATA',
      { on: 'DATA', say: '503 5.5.1 what?' },
      ['mail 250 2.1.0 Ok', 'rcpt 0 250 2.1.5 Ok', 'rcpt 1 250 2.1.5 Ok', refusesUs],
      'data: 503 5.5.1 what?',
    ],
    [
      'behind the dot',
      { on: 'dot', say: '530 5.7.0 Authentication required' },
      ['mail 250 2.1.0 Ok', 'rcpt 0 250 2.1.5 Ok', 'rcpt 1 250 2.1.5 Ok', refusesUs],
      'text: 530 5.7.0 Authentication required',
    ],
  ])('%s is 451, and told once', async (_where, rule, said, fact) => {
    await using server = await startFakeBackend({ rules: [rule] })
    await using open = openBackend(server)
    expect((await send(open)).slice(0, said.length)).toEqual(said)
    expect(told(open)).toEqual([fact])
  })

  test('what a server without PIPELINING, or with it, says to RCPT behind a refused MAIL is no second alarm', async () => {
    for (const offers of [['PIPELINING'], []]) {
      await using server = await startFakeBackend({
        offers,
        rules: [{ on: 'MAIL', say: '550 5.7.1 no' }],
      })
      await using open = openBackend(server)
      const begun = await open.begin().envelope(recipients(2))
      expect(begun.told[0]).toBe('mail 550 5.7.1 no')
      expect(told(open)).toEqual([])
    }
  })

  test('the connection is not used for another message: who is out of step stays so', async () => {
    await using server = await startFakeBackend({
      rules: [{ on: 'MAIL', connection: 1, say: '503 5.5.1 say EHLO first' }],
    })
    await using open = openBackend(server)
    expect((await send(open))[0]).toBe(`mail ${refusesUs}`)
    expect((await send(open))[0]).toBe('mail 250 2.1.0 Ok')
    expect(server.connections).toHaveLength(2)
  })

  test('a refusal of the message goes to the client in its words, and the connection is kept', async () => {
    await using server = await startFakeBackend({
      rules: [{ on: 'MAIL', nth: 1, say: '550 5.1.8 no such sender' }],
    })
    await using open = openBackend(server)
    expect((await send(open))[0]).toBe('mail 550 5.1.8 no such sender')
    await send(open)
    expect(server.connections).toHaveLength(1)
    expect(told(open)).toEqual([])
  })

  test('parameters of the client make the form of a command its own', async () => {
    await using server = await startFakeBackend({
      rules: [{ on: 'MAIL', say: '501 5.5.4 Bad ENVID' }],
    })
    await using open = openBackend(server)
    expect((await open.begin().envelope([], '<s@x> ENVID=x')).told).toEqual([
      'mail 501 5.5.4 Bad ENVID',
    ])
    expect((await open.begin().envelope([], '<s@x>')).told).toEqual([`mail ${refusesUs}`])
  })

  const dot = (...lines: readonly string[]): Rule => ({
    on: 'dot',
    raw: lines.map((line) => `${line}\r\n`).join(''),
  })

  test('over LMTP, for the recipient of whom it is said', async () => {
    const lhlo: Rule = { on: 'other', having: 'LHLO', say: ['250-backend.test', '250 PIPELINING'] }
    const rules = [lhlo, dot('250 2.0.0 Saved', '550 5.3.5 Mailbox server incorrectly configured')]
    await using server = await startFakeBackend({ rules })
    const servers = [
      { host: '127.0.0.1', port: server.port, url: `lmtp://127.0.0.1:${server.port}`, lmtp: true },
    ]
    await using open = openBackend(server, { servers })
    expect((await send(open)).at(-1)).toBe(`250 2.0.0 Saved, 0: 250 2.0.0 Saved, 1: ${refusesUs}`)
    expect(told(open)).toEqual(['text: 550 5.3.5 Mailbox server incorrectly configured'])
  })

  test('in a PRDR block, for the recipient of whom it is said', async () => {
    const help: Rule = { on: 'other', having: 'HELP', say: '214 2.0.0 MAIL RCPT' }
    const rules = [
      help,
      dot('353 go', '550 5.7.1 spam', '530 5.7.0 Authentication required', '250 done'),
    ]
    await using server: FakeBackend = await startFakeBackend({
      offers: ['PIPELINING', 'PRDR'],
      rules,
    })
    await using open = openBackend(server, { prdr: true })
    expect((await send(open, true)).at(-1)).toBe(
      `550 5.7.1 spam, 0: 550 5.7.1 spam, 1: ${refusesUs}`,
    )
  })

  test('the words of a server that sees us name us; one that is told the client means the client', async () => {
    const said = '554 5.7.1 <unknown[127.0.0.1]>: Client host rejected: Access denied'
    const reset: Rule = { on: 'other', having: 'XCLIENT', say: '220 backend.test again' }
    const offers = ['PIPELINING', 'XCLIENT NAME ADDR PORT PROTO HELO']
    await using server = await startFakeBackend({
      offers,
      rules: [reset, { on: 'MAIL', say: said }],
    })
    await using open = openBackend(server)
    expect((await open.begin().envelope([])).told).toEqual([`mail ${refusesUs}`])
    await using tells = openBackend(server, { clientAddress: 'xclient' })
    expect((await tells.begin().envelope([])).told).toEqual([`mail ${said}`])
  })
})
