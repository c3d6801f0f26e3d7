/**
 * A server that goes away at each step of a transaction: what the client is told, and who gets the
 * message.
 */
import { describe, expect, test } from 'vitest'
import { openBackend, recipients, SlowText } from './backend-session.ts'
import { wholeText } from './whole-text.ts'
import {
  type FakeBackend,
  type FakeBackendOptions,
  type Rule,
  startFakeBackend,
} from '../support/fake-backend.ts'
import { until } from '../support/lab/until.ts'

const text = wholeText('Subject: x\r\n\r\nhello\r\n')
const gone = /^4\d\d 4\.4\.2 .*went away.*retry=/

/** The first one comes first, as long as it can be used. */
async function two(first: FakeBackendOptions, second: FakeBackendOptions = {}) {
  const servers = [await startFakeBackend(first), await startFakeBackend(second)] as const
  const configured = servers.map(({ port, url }, priority) => ({
    host: '127.0.0.1',
    port,
    url,
    priority,
  }))
  const opened = openBackend(servers[0], { servers: configured })
  await opened.backend.probe()
  return {
    ...opened,
    first: servers[0],
    second: servers[1],
    [Symbol.asyncDispose]: async () => {
      await opened.backend.close()
      await Promise.all(servers.map(async (server) => await server.stop()))
    },
  }
}

const mails = (server: FakeBackend): number =>
  server.lines().filter((line) => line.startsWith('MAIL')).length
const taken = ['mail 250 2.1.0 Ok', 'rcpt 0 250 2.1.5 Ok', 'rcpt 1 250 2.1.5 Ok']

describe('before anything was answered', () => {
  const ways: [string, Rule][] = [
    ['it closes at MAIL', { on: 'MAIL', silent: true, then: 'close' }],
    ['it resets at MAIL', { on: 'MAIL', silent: true, then: 'reset' }],
    ['it says 421 to MAIL', { on: 'MAIL', say: '421 4.3.2 going down', then: 'close' }],
  ]
  test.each(ways)(
    '%s, on a kept connection and on a fresh one: the next server, and nobody notices',
    async (_, rule) => {
      await using lab = await two({ rules: [rule] })
      const begun = await lab.begin().envelope(recipients(2))
      expect(begun.told).toEqual(taken)
      expect(await begun.deliver(begun.order([0, 1]), text)).toEqual([
        expect.stringMatching(/^250 /),
      ])
      expect(mails(lab.first)).toBe(2)
      expect(lab.first.texts).toEqual([])
      expect(lab.second.delivered.map((one) => one.recipients)).toEqual([['<0@x>', '<1@x>']])
    },
  )

  test('no server is left: temporary trouble, in its own words where it had some', async () => {
    const rules: Rule[] = [{ on: 'MAIL', say: '421 4.3.2 going down', then: 'close' }]
    await using lab = await two({ rules }, { rules: [{ on: 'MAIL', silent: true, then: 'close' }] })
    const begun = await lab.begin().envelope([])
    expect(begun.told).toEqual([expect.stringMatching(/^mail 451 4\.4\.1 .*retry=/)])
    await using other = await two({ rules }, { rules })
    expect((await other.begin().envelope([])).told).toEqual(['mail 421 4.3.2 going down'])
  })
})

describe('afterwards', () => {
  test('lost while RCPTs are open: 451 for those, the client comes again', async () => {
    await using lab = await two({ rules: [{ on: 'RCPT', nth: 2, silent: true, then: 'close' }] })
    const begun = await lab.begin().envelope(recipients(2))
    expect(begun.told.slice(0, 2)).toEqual(taken.slice(0, 2))
    expect(begun.told[2]).toMatch(/^rcpt 1 451 4\.4\.2 /)
    begun.transaction.abandon()
    expect([...lab.first.texts, ...lab.second.texts]).toEqual([])
  })

  test('lost between RCPT and DATA: the envelope is shown to the next server, which takes the message', async () => {
    await using lab = await two({})
    const begun = await lab.begin().envelope(recipients(2))
    await lab.first.stop()
    await until('the loss is known', () => lab.backend.connections()[0]?.busy === 0)
    expect(await begun.deliver(begun.order([0, 1]), text)).toEqual([expect.stringMatching(/^250 /)])
    expect(lab.first.texts).toEqual([])
    expect(lab.second.delivered).toHaveLength(1)
  })

  test('what the next server refuses then is no final no', async () => {
    await using lab = await two({}, { rules: [{ on: 'RCPT', say: '550 5.1.1 no such user' }] })
    const begun = await lab.begin().envelope(recipients(1))
    await lab.first.stop()
    await until('the loss is known', () => lab.backend.connections()[0]?.busy === 0)
    expect(await begun.deliver(begun.order([0]), text)).toEqual([
      expect.stringMatching(/^451 4\.3\.0 /),
    ])
  })

  const steps: [string, Rule][] = [
    ['at DATA', { on: 'DATA', silent: true, then: 'close' }],
    ['in the middle of the text', { on: 'octets', octets: 10, then: 'reset' }],
    ['after the dot, without an answer', { on: 'dot', silent: true, then: 'close' }],
    [
      'after the dot, although it has taken the message',
      { on: 'dot', silent: true, then: 'reset', takenFirst: true },
    ],
  ]
  test.each(steps)('lost %s: 451, never 250, and no other server gets it now', async (_, rule) => {
    await using lab = await two({ rules: [rule] })
    const begun = await lab.begin().envelope(recipients(2))
    const slow = new SlowText()
    slow.give('Subject: x\r\n\r\nhello\r\n')
    const answer = begun.deliver(begun.order([0, 1]), slow)
    if (rule.on !== 'dot') await until('it is gone', () => lab.backend.connections()[0]?.busy === 0)
    slow.end('complete')
    expect(await answer).toEqual([expect.stringMatching(gone)])
    expect(lab.second.texts).toEqual([])
  })

  test('the sender comes again: the other server takes it', async () => {
    await using lab = await two({ rules: [{ on: 'dot', silent: true, then: 'reset' }] })
    const begun = await lab.begin().envelope(recipients(1))
    expect(await begun.deliver(begun.order([0]), text)).toEqual([expect.stringMatching(gone)])
    await lab.first.stop()
    const again = await lab.begin().envelope(recipients(1))
    expect(await again.deliver(again.order([0]), text)).toEqual([expect.stringMatching(/^250 /)])
    expect(lab.second.delivered).toHaveLength(1)
  })

  test('a server that was lost is asked at once whether it is still there', async () => {
    await using lab = await two({ rules: [{ on: 'dot', silent: true, then: 'reset' }] })
    const begun = await lab.begin().envelope(recipients(1))
    lab.first.rule({ on: 'connect', say: '421 4.3.2 going down', then: 'close' })
    await begun.deliver(begun.order([0]), text)
    await until('it is ejected', () => lab.facts.some(({ kind }) => kind === 'backendEjected'))
    expect(lab.backend.servers().map(({ usable }) => usable)).toEqual([false, true])
    expect(lab.backend.trouble()).toBeUndefined()
  })
})

describe('a server that lacks what the client used', () => {
  const plain = ['PIPELINING', 'SIZE 1000']
  const rich = ['PIPELINING', 'SIZE 5000', '8BITMIME', 'SMTPUTF8', 'DSN']

  test('is passed over for one that has it', async () => {
    await using lab = await two({ offers: plain }, { offers: rich })
    for (const mail of [
      '<s@x> BODY=8BITMIME',
      '<s@x> SMTPUTF8',
      '<s@x> RET=HDRS',
      '<s@x> SIZE=2000',
    ]) {
      const begun = await lab.begin().envelope([], mail)
      expect(begun.told).toEqual(['mail 250 2.1.0 Ok'])
      begun.transaction.abandon()
      expect(lab.second.lines()).toContain(`MAIL FROM:${mail}`)
    }
    expect(mails(lab.first)).toBe(0)
  })

  const refusals: [string, string][] = [
    ['<s@x> BODY=8BITMIME', '554 5.6.3 '],
    ['<s@x> SMTPUTF8', '550 5.6.7 '],
  ]
  test.each(refusals)(
    'no server has it: %s is refused with %s, but for now only while one is away',
    async (mail, said) => {
      await using lab = await two({ offers: plain }, { offers: plain })
      expect((await lab.begin().envelope([], mail)).told).toEqual([
        expect.stringContaining(`mail ${said}`),
      ])
      const away: Rule = { on: 'connect', say: '421 4.3.2 no', then: 'close' }
      await using half = await two({ offers: plain }, { rules: [away] })
      expect((await half.begin().envelope([], mail)).told).toEqual([
        expect.stringMatching(/^mail 451 4\.3\.3 .*retry=/),
      ])
      expect(mails(half.first)).toBe(0)
    },
  )

  test('parameters that were not offered never reach it', async () => {
    await using lab = await two({ offers: plain }, { offers: plain })
    const to = [
      '<0@x> NOTIFY=FAILURE ORCPT=rfc822;0@x',
      '<1@x> NOTIFY=SUCCESS',
      '<2@x> NOTIFY=NEVER',
    ]
    const begun = await lab
      .begin()
      .envelope(to, '<s@x> RET=FULL ENVID=1 MT-PRIORITY=3 BODY=7BIT SIZE=20')
    expect(begun.told[0]).toBe('mail 250 2.1.0 Ok')
    expect(begun.told).toContain('rcpt 0 250 2.1.5 Ok')
    for (const index of [1, 2])
      expect(begun.told).toContainEqual(expect.stringMatching(`^rcpt ${index} 451 4\\.3\\.3 `))
    expect(lab.first.lines().slice(-4)).toEqual([
      'MAIL FROM:<s@x> SIZE=20',
      'RCPT TO:<0@x>',
      'NOOP',
      'NOOP',
    ])
  })

  test('a message that is too large for all of them is refused by the server itself', async () => {
    const rules: Rule[] = [{ on: 'MAIL', having: 'SIZE=9000', say: '552 5.3.4 too big' }]
    await using lab = await two({ offers: plain, rules }, { offers: plain, rules })
    expect((await lab.begin().envelope([], '<s@x> SIZE=9000')).told).toEqual([
      'mail 552 5.3.4 too big',
    ])
  })

  test('what clients are offered is what all servers of the best priority offer', async () => {
    await using one = await startFakeBackend({ offers: [...rich, 'DELIVERBY 60'] })
    await using other = await startFakeBackend({ offers: [...plain, 'DSN', 'DELIVERBY 120'] })
    await using last = await startFakeBackend({ offers: plain })
    const servers = [one, other, last].map(({ port, url }, i) => ({
      host: '127.0.0.1',
      port,
      url,
      priority: i === 2 ? 1 : 0,
    }))
    await using opened = openBackend(one, { servers })
    await opened.backend.probe()
    const offered = { PIPELINING: '', SIZE: '1000', DSN: '', DELIVERBY: '120' }
    await until('all were asked', () => opened.backend.servers().every(({ usable }) => usable))
    expect(Object.fromEntries(opened.backend.extensions())).toMatchObject(offered)
    expect(opened.backend.extensions().has('SMTPUTF8')).toBe(false)
  })
})
