/**
 * What a server says behind its code: the code is the answer, and the connection is used again only
 * when the end of the reply was seen.
 */
import { describe, expect, test } from 'vitest'
import { type FakeBackendOptions, startFakeBackend } from '../support/fake-backend.ts'
import { openBackend, recipients } from './backend-session.ts'
import { delivered } from './delivered.ts'
import { wholeText } from './whole-text.ts'

const text = wholeText('Subject: x\r\n\r\nhello\r\n')

/** What follows a code, whether that is the end of the reply, and what the server does then. */
const odd: [string, (code: number) => string, boolean, ('close' | 'reset')?][] = [
  ['a line of 100,000 octets', (code) => `${code} ${'a'.repeat(100_000)}\r\n`, true],
  ['3,000 lines', (code) => `${`${code}-a\r\n`.repeat(3000)}${code} b\r\n`, true],
  ['lines without a code', (code) => `${code}-a\r\nb\r\n\r\n${code} c\r\n`, true],
  ['8 bits and control characters', (code) => `${code} \0\x01\xff\x1b[31m\r\n`, true],
  ['a reply that stops in its words', (code) => `${code} 2.0.0 O`, false, 'close'],
  ['lines that stop', (code) => `${code}-2.0.0 a\r\n`, false, 'close'],
  ['lines that stop in the middle of one', (code) => `${code}-2.0.0 a\r\n${code} `, false, 'reset'],
  [
    'another code in the last line',
    (code) => `${code}-a\r\n${code === 250 ? 550 : 250} b\r\n`,
    false,
  ],
  ['a megabyte without an end', (code) => `${code}-${'a\r\n'.repeat(400_000)}`, false],
]

describe.each(odd)('%s', (_, raw, ends, then) => {
  const and = then === undefined ? {} : { then }

  test.each([250, 550, 451])('behind the dot, %i is the answer', async (code) => {
    await using server = await startFakeBackend({
      rules: [{ on: 'dot', nth: 1, raw: raw(code), ...and }],
    })
    await using open = openBackend(server)
    const begun = await open.begin().envelope(recipients(1))
    expect(await begun.deliver(begun.order([0]), text)).toEqual([
      expect.stringMatching(`^${code} `),
    ])
    const next = await open.begin().envelope(recipients(1))
    expect(await next.deliver(next.order([0]), text)).toEqual([expect.stringMatching(/^250 /)])
    expect(server.connections).toHaveLength(ends ? 1 : 2)
    expect(server.delivered).toHaveLength(code === 250 ? 2 : 1)
  })

  test('to MAIL and RCPT, the answer is kept, and the message goes on', async () => {
    for (const on of ['MAIL', 'RCPT'] as const) {
      await using server = await startFakeBackend({
        rules: [{ on, nth: 1, raw: raw(250), ...and }],
      })
      await using open = openBackend(server)
      const begun = open.begin()
      await begun.envelope([])
      begun.transaction.rcpt(0, '<0@x>')
      await expect.poll(() => begun.told.length).toBe(2)
      expect(begun.told).toEqual([
        expect.stringMatching(/^mail 250 /),
        expect.stringMatching(/^rcpt 0 250 /),
      ])
      const order = { ...begun.order([0]), shown: [0] }
      expect(await begun.deliver(order, text)).toEqual([expect.stringMatching(/^250 /)])
    }
  })

  test('to EHLO: a server that gives all of it is used, and what was cut is not guessed', async () => {
    const options: FakeBackendOptions = { rules: [{ on: 'EHLO', nth: 1, raw: raw(250), ...and }] }
    await using server = await startFakeBackend(options)
    await using open = openBackend(server)
    const begun = await open.begin().envelope([])
    expect(begun.told).toEqual([expect.stringMatching(ends ? /^mail 250 / : /^mail 451 /)])
  })

  test('one of several answers to the text (LMTP): for its own recipient, and those behind it', async () => {
    await using server = await startFakeBackend({
      rules: [
        { on: 'other', having: 'LHLO', raw: '250-x\r\n250 PIPELINING\r\n' },
        {
          on: 'dot',
          raw: `250 2.0.0 first\r\n${raw(250)}${ends ? '550 5.7.1 third\r\n' : ''}`,
          ...and,
        },
      ],
    })
    await using open = openBackend(server, {
      servers: [{ host: '127.0.0.1', port: server.port, url: 'lmtp://x', lmtp: true }],
    })
    const begun = await open.begin().envelope(recipients(3))
    const [answer] = await delivered(begun.transaction, begun.order([0, 1, 2]), text)
    const codes = [0, 1, 2].map((index) => (answer?.own.get(index) ?? answer?.reply)?.code)
    expect(codes).toEqual([250, 250, ends ? 550 : 451])
  })
})

test('a TAB in the words of a server goes on as it is', async () => {
  await using server = await startFakeBackend({
    rules: [{ on: 'RCPT', raw: '550 5.1.1 no\tsuch user\r\n' }],
  })
  await using open = openBackend(server)
  expect((await open.begin().envelope(recipients(1))).told[1]).toBe(
    'rcpt 0 550 5.1.1 no\tsuch user',
  )
})

test('replies in front of one that is none are answers', async () => {
  const rules = [{ on: 'dot' as const, raw: '250 2.0.0 taken\r\nand now?\r\n' }]
  await using server = await startFakeBackend({ rules })
  await using open = openBackend(server)
  const begun = await open.begin().envelope(recipients(1))
  expect(await begun.deliver(begun.order([0]), text)).toEqual(['250 2.0.0 taken'])
})
