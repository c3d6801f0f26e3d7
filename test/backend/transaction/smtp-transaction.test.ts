/**
 * One transaction at a backend, in its good and bad courses. Nobody is told yes unless the backend
 * said so (rule 1).
 */
import { describe, expect, test } from 'vitest'
import { onTop } from '../../../src/message/edits.ts'
import { replies } from '../../../src/smtp/replies.ts'
import { describeReply } from '../../../src/smtp/reply.ts'
import {
  type FakeBackendOptions,
  type Rule,
  startFakeBackend,
  type Step,
} from '../../support/fake-backend.ts'
import { until } from '../../support/lab/until.ts'
import { type Begun, openBackend, recipients, SlowText } from '../backend-session.ts'
import { wholeText } from '../whole-text.ts'

const text = wholeText('Subject: x\r\n\r\nhello\r\n')
const [lost, unavailable, nonsense] = [
  replies.backendLost,
  replies.backendUnavailable,
  replies.backendNonsense,
].map(describeReply)

describe('the envelope', () => {
  test('goes out in one write, and the text into the same transaction', async () => {
    await using server = await startFakeBackend()
    await using open = openBackend(server)
    const begun = await open.begin().envelope(recipients(2), '<s@x> SIZE=20 BODY=8BITMIME')
    expect(begun.told).toEqual(['mail 250 2.1.0 Ok', 'rcpt 0 250 2.1.5 Ok', 'rcpt 1 250 2.1.5 Ok'])
    expect(await begun.deliver(begun.order([0, 1]), text)).toEqual([
      expect.stringMatching(/^250 2\.0\.0 Ok: queued as /),
    ])
    expect(server.connections[0]?.reads.slice(1)).toEqual([
      'MAIL FROM:<s@x> SIZE=20 BODY=8BITMIME\r\nRCPT TO:<0@x>\r\nRCPT TO:<1@x>\r\n',
      'DATA\r\n',
    ])
    expect(server.delivered).toMatchObject([{ recipients: ['<0@x>', '<1@x>'] }])
    expect(server.delivered[0]?.text.toString()).toBe('Subject: x\r\n\r\nhello\r\n')
  })

  test('with the first recipient: nothing is asked before there is one, and then both in one write', async () => {
    await using server = await startFakeBackend()
    await using open = openBackend(server)
    const begun = open.begin()
    begun.transaction.mail('<s@x>', { withRcpt: true })
    // Another transaction would find a connection that was opened for this one.
    await open.begin().envelope(recipients(1))
    expect(server.connections).toHaveLength(1)
    begun.transaction.rcpt(0, '<0@x>')
    await until('both are answered', () => begun.told.length === 2)
    expect(begun.told).toEqual(['mail 250 2.1.0 Ok', 'rcpt 0 250 2.1.5 Ok'])
    expect(server.connections[1]?.reads.slice(1)).toEqual(['MAIL FROM:<s@x>\r\nRCPT TO:<0@x>\r\n'])
  })

  test('with the first recipient: a server that has refused MAIL is not asked for those who come later', async () => {
    await using server = await startFakeBackend({
      rules: [{ on: 'MAIL', say: '550 5.7.1 not from you' }],
    })
    await using open = openBackend(server)
    const begun = open.begin()
    begun.transaction.mail('<s@x>', { withRcpt: true })
    begun.transaction.rcpt(0, '<0@x>')
    await until('both are answered', () => begun.told.length === 2)
    begun.transaction.rcpt(1, '<1@x>')
    expect(begun.told[0]).toBe('mail 550 5.7.1 not from you')
    expect(begun.told[2]).toMatch(/^rcpt 1 [45]/)
    expect(server.connections[0]?.lines.filter((line) => line.startsWith('RCPT'))).toHaveLength(1)
  })

  const outcomes: [string, Rule, string[]][] = [
    [
      'refused at MAIL',
      { on: 'MAIL', say: '550 5.7.1 not from you' },
      ['mail 550 5.7.1 not from you'],
    ],
    ['delayed at MAIL', { on: 'MAIL', say: '451 4.7.1 greylisted' }, ['mail 451 4.7.1 greylisted']],
    [
      'refused at RCPT in several lines',
      { on: 'RCPT', having: '<0', say: ['550-5.1.1 no such user', '550 5.1.1 see http://x'] },
      [
        'mail 250 2.1.0 Ok',
        'rcpt 0 550 5.1.1 no such user / 5.1.1 see http://x',
        'rcpt 1 250 2.1.5 Ok',
      ],
    ],
    [
      'delayed at RCPT',
      { on: 'RCPT', having: '<1', say: '450 4.2.0 wait' },
      ['mail 250 2.1.0 Ok', 'rcpt 0 250 2.1.5 Ok', 'rcpt 1 450 4.2.0 wait'],
    ],
    [
      'closed at RCPT',
      { on: 'RCPT', having: '<1', silent: true, then: 'close' },
      ['mail 250 2.1.0 Ok', 'rcpt 0 250 2.1.5 Ok', `rcpt 1 ${lost ?? ''}`],
    ],
    ['reset at MAIL', { on: 'MAIL', silent: true, then: 'reset' }, [`mail ${unavailable ?? ''}`]],
    ['garbage at MAIL', { on: 'MAIL', raw: 'what?\r\n' }, [`mail ${unavailable ?? ''}`]],
  ]
  test.each(outcomes)(
    '%s: in the words of the backend, or as temporary trouble',
    async (_, rule, told) => {
      await using server = await startFakeBackend({ rules: [rule] })
      await using open = openBackend(server)
      const begun = open.begin()
      begun.transaction.mail('<s@x>')
      begun.transaction.rcpt(0, '<0@x>')
      begun.transaction.rcpt(1, '<1@x>')
      await until('all were answered', () => begun.told.length >= told.length)
      expect(begun.told.slice(0, told.length)).toEqual(told)
      begun.transaction.abandon()
      await until('nothing is lent', () => open.backend.connections()[0]?.busy === 0)
    },
  )

  test('no server: temporary trouble', async () => {
    const server = await startFakeBackend()
    await server.stop()
    await using open = openBackend(server)
    const begun = open.begin()
    begun.transaction.mail('<s@x>')
    await until('MAIL is answered', () => begun.told.length === 1)
    expect(begun.told).toEqual([`mail ${unavailable ?? ''}`])
    begun.transaction.rcpt(0, '<0@x>')
    expect(begun.told[1]).toBe(`rcpt 0 ${unavailable ?? ''}`)
    begun.transaction.abandon()
    expect(open.facts).toMatchObject([
      { kind: 'backendFailed', step: 'connect' },
      { kind: 'backendEjected' },
    ])
  })

  test('SIZE is not said to a server that does not know it', async () => {
    await using server = await startFakeBackend({ offers: ['PIPELINING', '8BITMIME'] })
    await using open = openBackend(server)
    const begun = await open
      .begin()
      .envelope(recipients(1), '<"a SIZE=1 b"@x> SIZE=20 BODY=8BITMIME')
    expect(server.lines()).toContain('MAIL FROM:<"a SIZE=1 b"@x> BODY=8BITMIME')
    begun.transaction.abandon()
  })
})

describe('a kept connection that has died unseen', () => {
  test.each<[string, Partial<Rule>]>([
    ['421', { say: '421 4.4.2 idle too long', then: 'close' }],
    ['FIN', { silent: true, then: 'close' }],
    ['RST', { silent: true, then: 'reset' }],
  ])('is replaced, and the session notices nothing (%s)', async (_, how) => {
    await using server = await startFakeBackend({
      rules: [{ on: 'MAIL', connection: 1, nth: 2, ...how }],
    })
    await using open = openBackend(server, { maxConnections: 1 })
    const first = await open.begin().envelope(recipients(1))
    await first.deliver(first.order([0]), text)
    const second = await open.begin().envelope(recipients(2))
    expect(second.told).toEqual(['mail 250 2.1.0 Ok', 'rcpt 0 250 2.1.5 Ok', 'rcpt 1 250 2.1.5 Ok'])
    expect(await second.deliver(second.order([0, 1]), text)).toEqual([
      expect.stringMatching(/^250 /),
    ])
    expect(server.delivered.map((transaction) => transaction.connection)).toEqual([1, 2])
  })

  test('a 421 to MAIL on a fresh connection is the answer', async () => {
    await using server = await startFakeBackend({
      rules: [{ on: 'MAIL', say: '421 4.3.2 no', then: 'close' }],
    })
    await using open = openBackend(server)
    const begun = open.begin()
    begun.transaction.mail('<s@x>')
    await until('MAIL is answered', () => begun.told.length === 1)
    expect(begun.told).toEqual(['mail 421 4.3.2 no'])
    expect(server.connections).toHaveLength(1)
    begun.transaction.abandon()
  })

  test('a connection that was lost between RCPT and DATA costs nothing: the text was not begun', async () => {
    await using server = await startFakeBackend()
    await using open = openBackend(server)
    const begun = await open.begin().envelope(recipients(2))
    server.connections[0]?.socket.destroy()
    await until('it is noticed', () => open.backend.connections()[0]?.busy === 0)
    expect(await begun.deliver(begun.order([0, 1]), text)).toEqual([expect.stringMatching(/^250 /)])
    expect(server.delivered).toMatchObject([{ recipients: ['<0@x>', '<1@x>'], connection: 2 }])
  })
})

describe('parcels', () => {
  test('each in a transaction of its own, shown in one write', async () => {
    await using server = await startFakeBackend()
    await using open = openBackend(server)
    const begun = await open.begin().envelope(recipients(3))
    const order = begun.order([0, 2], [1])
    expect(await begun.deliver(order, text)).toHaveLength(2)
    expect(server.delivered.map((transaction) => transaction.recipients)).toEqual([
      ['<0@x>', '<2@x>'],
      ['<1@x>'],
    ])
    expect(server.connections).toHaveLength(1)
    expect(server.connections[0]?.reads.slice(2)).toEqual([
      'RSET\r\nMAIL FROM:<s@x>\r\nRCPT TO:<0@x>\r\nRCPT TO:<2@x>\r\n',
      'DATA\r\n',
      'MAIL FROM:<s@x>\r\nRCPT TO:<1@x>\r\n',
      'DATA\r\n',
    ])
  })

  test('the same recipients at another address are another envelope', async () => {
    await using server = await startFakeBackend()
    await using open = openBackend(server)
    const begun = await open.begin().envelope(recipients(1))
    const order = {
      ...begun.order([0]),
      parcels: [
        {
          recipients: [{ index: 0, argument: '<q@x>' }],
          edits: [[onTop([{ name: 'X-A', value: ' b' }])]],
          redirected: true,
        },
      ],
    }
    await begun.deliver(order, text)
    expect(server.delivered).toMatchObject([{ recipients: ['<q@x>'] }])
    expect(server.delivered[0]?.text.toString()).toBe('X-A: b\r\nSubject: x\r\n\r\nhello\r\n')
  })

  const two = async (
    options: FakeBackendOptions,
  ): Promise<{ results: string[]; delivered: string[][]; connections: number }> => {
    await using server = await startFakeBackend(options)
    await using open = openBackend(server)
    const begun = await open.begin().envelope(recipients(3))
    const results = await begun.deliver(begun.order([0, 1], [2]), text)
    await until('nothing is lent', () => open.backend.connections()[0]?.busy === 0)
    await expectClean(open)
    return {
      results,
      delivered: server.delivered
        .filter(({ mail }) => mail === '<s@x>')
        .map((transaction) => [...transaction.recipients]),
      connections: server.connections.length,
    }
  }
  const ok = expect.stringMatching(/^250 2\.0\.0 Ok: queued as [0-9a-f]+$/) as string

  test('one that is lost does not end the others', async () => {
    const { results, delivered, connections } = await two({
      rules: [{ on: 'dot', nth: 1, silent: true, then: 'reset' }],
    })
    expect(results).toEqual([lost, ok])
    expect(delivered).toEqual([['<2@x>']])
    // Another one may have asked whether the server is still there.
    expect(connections).toBeGreaterThanOrEqual(2)
  })

  test.each<[string, Rule, unknown[], string[][]]>([
    [
      'refused at the dot',
      { on: 'dot', nth: 1, say: ['554-5.7.1 spam', '554 5.7.1 go away'] },
      ['554 5.7.1 spam / 5.7.1 go away', ok],
      [['<2@x>']],
    ],
    [
      'delayed at the dot',
      { on: 'dot', nth: 2, say: '452 4.3.1 disk' },
      [ok, '452 4.3.1 disk'],
      [['<0@x>', '<1@x>']],
    ],
    [
      '421 at the dot',
      { on: 'dot', nth: 1, say: '421 4.3.2 bye', then: 'close' },
      ['421 4.3.2 bye', ok],
      [['<2@x>']],
    ],
    ['3yz at the dot', { on: 'dot', nth: 1, say: '354 more?' }, [nonsense, ok], [['<2@x>']]],
    [
      'refused at DATA',
      { on: 'DATA', nth: 1, say: '550 5.7.1 no DATA' },
      ['550 5.7.1 no DATA', ok],
      [['<2@x>']],
    ],
    [
      '421 at DATA',
      { on: 'DATA', nth: 1, say: '421 4.3.2 bye', then: 'close' },
      ['421 4.3.2 bye', ok],
      [['<2@x>']],
    ],
    ['250 at DATA', { on: 'DATA', nth: 1, say: '250 fine' }, [lost, ok], [['<2@x>']]],
    [
      'closed at DATA',
      { on: 'DATA', nth: 1, silent: true, then: 'close' },
      [lost, ok],
      [['<2@x>']],
    ],
    [
      'a recipient refused the second time',
      { on: 'RCPT', having: '<1', nth: 2, say: '550 5.1.1 no' },
      [expect.stringMatching(new RegExp(`^250 .*, 1: ${nonsense ?? ''}`)), ok],
      [['<0@x>'], ['<2@x>']],
    ],
    [
      'a recipient delayed the second time',
      { on: 'RCPT', having: '<1', nth: 2, say: '450 4.2.1 wait' },
      [expect.stringMatching(/^250 .*, 1: 450 4\.2\.1 wait$/), ok],
      [['<0@x>'], ['<2@x>']],
    ],
    [
      'all recipients refused the second time',
      { on: 'RCPT', having: '<2', nth: 2, say: '550 5.1.1 no' },
      [ok, `${nonsense ?? ''}, 2: ${nonsense ?? ''}`],
      [['<0@x>', '<1@x>']],
    ],
    [
      'refused at MAIL the second time',
      { on: 'MAIL', nth: 2, say: '550 5.7.1 no' },
      [nonsense, ok],
      [['<2@x>']],
    ],
    [
      'delayed at MAIL the second time',
      { on: 'MAIL', nth: 2, say: '450 4.7.1 slow down' },
      ['450 4.7.1 slow down', ok],
      [['<2@x>']],
    ],
    [
      'lost at MAIL the second time',
      { on: 'MAIL', nth: 2, silent: true, then: 'reset' },
      [lost, ok],
      [['<2@x>']],
    ],
    [
      'RSET refused',
      { on: 'RSET', nth: 1, say: '421 4.3.2 bye', then: 'close' },
      [lost, ok],
      [['<2@x>']],
    ],
  ])('%s', async (_, rule, results, delivered) => {
    const got = await two({ rules: [rule] })
    expect(got.results).toEqual(results)
    expect(got.delivered).toEqual(delivered)
  })
})

/** Whatever connection is lent next has nothing open on it: MAIL is taken at once. */
async function expectClean(open: ReturnType<typeof openBackend>): Promise<void> {
  const next = await open.begin().envelope(['<clean@x>'], '<clean@x>')
  expect(next.told).toEqual(['mail 250 2.1.0 Ok', 'rcpt 0 250 2.1.5 Ok'])
  next.transaction.abandon()
}

describe.each(['read', 'poured'] as const)('a text that comes slowly (%s)', (way) => {
  test('is passed on as it comes, with its dots stuffed wherever they are cut', async () => {
    await using server = await startFakeBackend()
    await using open = openBackend(server)
    const begun = await open.begin().envelope(recipients(1))
    const slow = new SlowText(way)
    const delivery = begun.deliver(begun.order([0]), slow)
    const lines = '.first\r\n..\r\n.\r\n\r\nlast'
    for (const octet of lines) {
      slow.give(octet)
      await new Promise((resolve) => setImmediate(resolve))
    }
    slow.end('complete')
    expect(await delivery).toEqual([expect.stringMatching(/^250 /)])
    expect(server.delivered[0]?.text.toString()).toBe(`${lines}\r\n`)
  })

  test.each(['failed', 'abandoned'])(
    'and breaks off (%s): known-limits.md: “Rcptwise never passes on a message that breaks off on its way in as if it were whole.” “It closes the connection to the mail server before the final dot.”',
    async (how) => {
      await using server = await startFakeBackend()
      await using open = openBackend(server)
      const begun = await open.begin().envelope(recipients(1))
      const slow = new SlowText(way)
      const delivery = begun.deliver(begun.order([0]), slow)
      slow.give('Subject: half\r\n\r\nhel')
      await until('the backend has the beginning', () => slow.taken > 0)
      if (how === 'failed') slow.end('failed')
      else {
        begun.transaction.abandon()
        slow.end('complete')
      }
      expect(await delivery).toEqual([lost])
      await until('the connection is closed', () => server.open() === 0)
      expect(server.texts).toEqual([])
      expect(server.lines().at(-1)).toBe('DATA')
      expect(open.facts.filter((fact) => fact.kind === 'backendFailed')).toEqual([])
    },
  )

  test('and is refused in the middle: that is the answer, and the rest is not sent', async () => {
    await using server = await startFakeBackend({
      rules: [{ on: 'octets', octets: 10, say: '552 5.3.4 too large' }],
    })
    await using open = openBackend(server)
    const begun = await open.begin().envelope(recipients(1))
    const slow = new SlowText(way)
    const delivery = begun.deliver(begun.order([0]), slow)
    for (let turn = 0; turn < 200; turn++) {
      slow.give('0123456789\r\n')
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    slow.end('complete')
    expect(await delivery).toEqual(['552 5.3.4 too large'])
    await until('the connection is closed', () => server.open() === 0)
    expect(server.texts).toEqual([])
  })

  test('a yes in the middle is no yes', async () => {
    await using server = await startFakeBackend({
      rules: [{ on: 'octets', octets: 10, say: '250 2.0.0 got it' }],
    })
    await using open = openBackend(server)
    const begun = await open.begin().envelope(recipients(1))
    const slow = new SlowText(way)
    const delivery = begun.deliver(begun.order([0]), slow)
    for (let turn = 0; turn < 200; turn++) {
      slow.give('0123456789\r\n')
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    slow.end('complete')
    expect(await delivery).toEqual([lost])
    expect(server.texts).toEqual([])
  })

  test('a backend that takes no more of it is not waited for for ever', async () => {
    const taken = Promise.withResolvers<undefined>()
    await using server = await startFakeBackend({
      rules: [{ on: 'octets', octets: 1, hold: taken.promise }],
    })
    await using open = openBackend(server, { replyTimeoutMs: 1000 })
    const begun = await open.begin().envelope(recipients(1))
    const slow = new SlowText(way)
    for (let i = 0; i < 1000; i++) slow.give(Buffer.alloc(64 * 1024, 'x'))
    slow.end('complete')
    expect(await begun.deliver(begun.order([0]), slow)).toEqual([lost])
    expect(slow.taken).toBeLessThan(64 * 1024 * 1000)
    expect(open.facts).toContainEqual(
      expect.objectContaining({
        kind: 'backendFailed',
        step: 'text',
        why: 'the backend takes no more of the text',
      }),
    )
    taken.resolve(undefined)
  })

  test('no answer to the dot within the time limit: nobody is told yes', async () => {
    const answer = Promise.withResolvers<undefined>()
    await using server = await startFakeBackend({ rules: [{ on: 'dot', hold: answer.promise }] })
    await using open = openBackend(server, { deliveryTimeoutMs: 100 })
    const begun = await open.begin().envelope(recipients(1))
    expect(await begun.deliver(begun.order([0]), text)).toEqual([lost])
    answer.resolve(undefined)
  })
})

describe('abandon leaves nothing open on a connection that others will use', () => {
  type Open = ReturnType<typeof openBackend>
  const begin = async (open: Open): Promise<Begun> => await open.begin().envelope(recipients(2))
  const states: [string, Step, (open: Open, reached: Promise<void>) => Promise<Begun>][] = [
    [
      'while MAIL is not answered',
      'MAIL',
      async (open, reached) => {
        const begun = open.begin()
        begun.transaction.mail('<s@x>')
        begun.transaction.rcpt(0, '<0@x>')
        await reached
        return begun
      },
    ],
    [
      'while RCPT is not answered',
      'RCPT',
      async (open, reached) => {
        const begun = open.begin()
        begun.transaction.mail('<s@x>')
        begun.transaction.rcpt(0, '<0@x>')
        begun.transaction.rcpt(1, '<1@x>')
        await reached
        return begun
      },
    ],
    ['after the envelope', 'QUIT', async (open) => await begin(open)],
    ...(['DATA', 'dot'] as const).map((step): (typeof states)[number] => [
      `while ${step} is not answered`,
      step,
      async (open, reached) => {
        const begun = await begin(open)
        void begun.deliver(begun.order([0, 1]), text)
        await reached
        return begun
      },
    ]),
    ...(['RSET', 'MAIL', 'RCPT'] as const).map((step): (typeof states)[number] => [
      `while ${step} is not answered as the envelope is shown anew`,
      step,
      async (open, reached) => {
        const begun = await begin(open)
        void begun.deliver(begun.order([0], [1]), text)
        await reached
        return begun
      },
    ]),
  ]
  test.each(states)('%s', async (name, step, run) => {
    await using server = await startFakeBackend()
    await using open = openBackend(server, { maxConnections: 1 })
    const [reached, released] = [
      Promise.withResolvers<undefined>(),
      Promise.withResolvers<undefined>(),
    ]
    const nth = name.includes('anew')
      ? { RSET: 1, MAIL: 2, RCPT: 3 }[step as 'RSET' | 'MAIL' | 'RCPT']
      : 1
    server.rule({
      on: step,
      nth,
      hold: released.promise,
      reached: () => reached.resolve(undefined),
    })
    const begun = await run(open, reached.promise)
    const before = [...begun.told]
    begun.transaction.abandon()
    released.resolve(undefined)
    await expectClean(open)
    expect(begun.told).toEqual(before)
    // RSET behind DATA would be text.
    for (const { lines } of server.connections)
      expect(lines.filter((line, i) => line === 'RSET' && lines[i - 1] === 'DATA')).toEqual([])
    for (const { text: got } of server.texts) expect(got.toString()).not.toContain('RSET')
    expect(server.delivered.length).toBe(step === 'dot' ? 1 : 0)
  })

  test('before there is a connection', async () => {
    const greeting = Promise.withResolvers<undefined>()
    await using server = await startFakeBackend({
      rules: [{ on: 'connect', nth: 1, hold: greeting.promise }],
    })
    await using open = openBackend(server, { maxConnections: 1 })
    const begun = open.begin()
    begun.transaction.mail('<s@x>')
    begun.transaction.rcpt(0, '<0@x>')
    begun.transaction.abandon()
    greeting.resolve(undefined)
    await expectClean(open)
    expect(begun.told).toEqual([])
    expect(server.lines()).not.toContain('MAIL FROM:<s@x>')
  })

  test('a connection on which RSET is refused is not used again', async () => {
    await using server = await startFakeBackend({ rules: [{ on: 'RSET', say: '500 5.5.2 what?' }] })
    await using open = openBackend(server)
    const begun = await open.begin().envelope(recipients(1))
    begun.transaction.abandon()
    await until('it is closed', () => server.open() === 0)
  })

  test('a client that is refused at MAIL, RCPT and DATA leaves clean connections', async () => {
    await using server = await startFakeBackend({
      rules: [
        { on: 'MAIL', nth: 1, say: '550 5.7.1 no' },
        { on: 'RCPT', nth: 2, say: '550 5.1.1 no' },
        { on: 'DATA', nth: 1, say: '451 4.3.0 no' },
      ],
    })
    await using open = openBackend(server, { maxConnections: 1 })
    for (let turn = 0; turn < 3; turn++) {
      const begun = await open.begin().envelope(recipients(1))
      if (turn === 2) expect(await begun.deliver(begun.order([0]), text)).toEqual(['451 4.3.0 no'])
      else begun.transaction.abandon()
    }
    await expectClean(open)
    expect(server.connections).toHaveLength(1)
  })
})
