/**
 * Binary texts go out by BDAT, octet for octet, and by nothing else (RFC 3030); others do where the
 * server offers it.
 */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { onTop } from '../../../src/message/edits.ts'
import type { TextSource } from '../../../src/message/text-source.ts'
import type { SmtpBackendOptions } from '../../../src/backend/smtp-backend.ts'
import { type FakeBackend, type Rule, startFakeBackend } from '../../support/fake-backend.ts'
import { until } from '../../support/lab/until.ts'
import { openBackend, recipients, SlowText } from '../backend-session.ts'
import { wholeText } from '../whole-text.ts'

const pipelining = ['PIPELINING', '8BITMIME', 'CHUNKING', 'BINARYMIME']
const binary = '<s@x> BODY=BINARYMIME'
const lost =
  '451 4.4.2 The mail server behind this one went away; please try again in 300 seconds; retry=00:05:00'
/** Everything that would end a text by DATA, or a line of it. */
const nasty = 'Subject: x\r\n\r\n.\r\n\n.\n\r.\r\0\r\n.\r\nMAIL FROM:<evil@x>\r\nQUIT\r\n\r'

const start = async (rules: readonly Rule[] = [], offers = pipelining): Promise<FakeBackend> =>
  await startFakeBackend({ offers, rules })

/** The command lines behind the envelope, up to RSET. */
const behindEnvelope = (backend: FakeBackend): string[] =>
  backend.lines().filter((line) => /^(?:BDAT|DATA|RSET|QUIT)/.test(line))

function slowly(...pieces: readonly string[]): SlowText {
  const text = new SlowText()
  for (const piece of pieces) text.give(Buffer.from(piece, 'latin1'))
  return text
}

function complete(text: SlowText): SlowText {
  text.end('complete')
  return text
}

async function deliver(
  backend: FakeBackend,
  text: TextSource,
  options: Partial<SmtpBackendOptions> = {},
): Promise<string[]> {
  await using open = openBackend(backend, options)
  const begun = await open.begin().envelope(recipients(2), binary)
  return await begun.deliver(begun.order([0, 1]), text)
}

describe('a binary text', () => {
  test('in memory is one chunk, and the connection is clean behind it', async () => {
    await using backend = await start()
    await using open = openBackend(backend)
    const begun = await open.begin().envelope(recipients(2), binary)
    expect(await begun.deliver(begun.order([0, 1]), wholeText(nasty))).toEqual([
      expect.stringMatching(/^250 /),
    ])
    expect(
      backend.delivered.map(({ text, by, mail }) => [text.toString('latin1'), by, mail]),
    ).toEqual([[nasty, 'BDAT', binary]])
    await until('the connection is given back', () => open.backend.connections()[0]?.idle === 1)
    expect(behindEnvelope(backend)).toEqual([`BDAT ${nasty.length} LAST`])
  })

  test('in a file goes piece by piece, header fields in the first one', async () => {
    await using backend = await start()
    await using open = openBackend(backend)
    const begun = await open.begin().envelope(recipients(1), binary)
    const order = begun.order([0])
    const headed = order.parcels.map((parcel) => ({
      ...parcel,
      edits: [[onTop([{ name: 'X-Spam-Flag', value: ' YES' }])]],
    }))
    const pieces = ['Subject: x\r\n\r', '\n\0\0', '.\r\n']
    expect(await begun.deliver({ ...order, parcels: headed }, complete(slowly(...pieces)))).toEqual(
      [expect.stringMatching(/^250 /)],
    )
    expect(backend.delivered[0]?.text.toString('latin1')).toBe(
      `X-Spam-Flag: YES\r\n${pieces.join('')}`,
    )
    expect(behindEnvelope(backend)).toEqual(['BDAT 31', 'BDAT 3', 'BDAT 3 LAST'])
  })

  test.each([
    ['in memory', () => wholeText(''), ['BDAT 0 LAST']],
    ['in a file', () => complete(slowly()), ['BDAT 0 LAST']],
  ])('of no octets, %s', async (_name, text, lines) => {
    await using backend = await start()
    expect(await deliver(backend, text())).toEqual([expect.stringMatching(/^250 /)])
    expect(behindEnvelope(backend).slice(0, lines.length)).toEqual(lines)
  })

  test('a server without PIPELINING gets a chunk only when the last one was answered', async () => {
    await using backend = await start([], ['CHUNKING', 'BINARYMIME'])
    const text = complete(slowly('Subject: x\r\n\r\n', '\n\n', '\r'))
    expect(await deliver(backend, text)).toEqual([expect.stringMatching(/^250 /)])
    expect(backend.connections[0]?.pipelined).toBe(false)
  })

  test('several results: each gets a text of its own', async () => {
    await using backend = await start()
    await using open = openBackend(backend)
    const begun = await open.begin().envelope(recipients(2), binary)
    expect(await begun.deliver(begun.order([0], [1]), wholeText(nasty))).toHaveLength(2)
    expect(backend.delivered.map(({ recipients: to, by }) => [to, by])).toEqual([
      [['<0@x>'], 'BDAT'],
      [['<1@x>'], 'BDAT'],
    ])
  })

  test('any octets in any pieces, from memory and piece by piece', async () => {
    await using backend = await start()
    await using open = openBackend(backend)
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((octets) => Buffer.from(octets)),
      fc
        .constantFrom('\r\n.\r\n', '\n.\n', '\r', '\0', '.', 'BDAT 3 LAST\r\n')
        .map((text) => Buffer.from(text)),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece, { maxLength: 8 }),
        fc.boolean(),
        async (pieces, inMemory) => {
          const begun = await open.begin().envelope(recipients(1), binary)
          const slow = new SlowText()
          for (const one of pieces) slow.give(one)
          slow.end('complete')
          const text = inMemory ? { ...wholeText(''), whole: () => pieces } : slow
          expect(await begun.deliver(begun.order([0]), text)).toEqual([
            expect.stringMatching(/^250 /),
          ])
          const { hash, by } = backend.delivered.at(-1) ?? {}
          const sent = createHash('sha256').update(Buffer.concat(pieces)).digest('hex')
          expect([hash, by]).toEqual([sent, 'BDAT'])
        },
      ),
      { numRuns: 60 },
    )
    expect(backend.lines().filter((line) => line === 'DATA')).toEqual([])
  })
})

describe('each recipient is answered', () => {
  test('LMTP: behind LAST alone, one reply for each (RFC 2033 4.2)', async () => {
    const hello = ['250-backend.test', ...pipelining.map((keyword) => `250-${keyword}`), '250 HELP']
    await using backend = await start([
      { on: 'other', having: 'LHLO', say: hello },
      { on: 'dot', raw: '250 2.0.0 Saved\r\n552 5.2.2 full\r\n' },
    ])
    const server = {
      host: '127.0.0.1',
      port: backend.port,
      url: `lmtp://127.0.0.1:${backend.port}`,
      lmtp: true,
    }
    const told = await deliver(backend, complete(slowly('A: b\r\n', '\r\n\0')), {
      servers: [server],
    })
    expect(told).toEqual(['250 2.0.0 Saved, 0: 250 2.0.0 Saved, 1: 552 5.2.2 full'])
  })
})

describe('what goes wrong', () => {
  test('a text that breaks off never gets its LAST', async () => {
    await using backend = await start()
    await using open = openBackend(backend)
    const begun = await open.begin().envelope(recipients(1), binary)
    const text = slowly('Subject: x\r\n\r\n', 'half')
    const told = begun.deliver(begun.order([0]), text)
    await until('half of it is out', () => text.taken === 18)
    text.end('failed')
    expect(await told).toEqual([lost])
    await until('the connection is broken off', () => backend.open() === 0)
    expect([behindEnvelope(backend).some((line) => line.includes('LAST')), backend.texts]).toEqual([
      false,
      [],
    ])
  })

  test.each<[string, Rule, string]>([
    [
      'a chunk is refused for now',
      { on: 'chunk', nth: 2, say: '452 4.3.1 full' },
      '452 4.3.1 full',
    ],
    [
      'a chunk is refused for good',
      { on: 'chunk', nth: 1, say: '552 5.3.4 too large' },
      '552 5.3.4 too large',
    ],
    ['a chunk is answered with 354', { on: 'chunk', nth: 1, say: '354 go on' }, lost],
    [
      'the connection ends behind a chunk',
      { on: 'chunk', nth: 1, silent: true, then: 'close' },
      lost,
    ],
    [
      '421',
      { on: 'chunk', nth: 1, say: '421 4.3.2 going down', then: 'close' },
      '421 4.3.2 going down',
    ],
  ])('%s: that is the answer, and nothing is delivered', async (_name, rule, told) => {
    await using backend = await start([rule])
    const pieces = Array.from({ length: 40 }, (_, i) => `A: ${i}\r\n`)
    expect(await deliver(backend, complete(slowly(...pieces)))).toEqual([told])
    await until('the connection is over', () => backend.open() === 0)
    expect([
      behindEnvelope(backend).some((line) => line.includes('LAST')),
      backend.delivered,
    ]).toEqual([false, []])
  })

  test('a chunk that is never answered', async () => {
    await using backend = await start([{ on: 'chunk', nth: 1, silent: true }])
    expect(
      await deliver(backend, complete(slowly('A: b\r\n', 'C: d\r\n')), { deliveryTimeoutMs: 100 }),
    ).toEqual([lost])
  })

  test('LAST is refused: RSET, and the connection serves on', async () => {
    await using backend = await start([{ on: 'dot', nth: 1, say: '554 5.7.1 no' }])
    await using open = openBackend(backend)
    const first = await open.begin().envelope(recipients(1), binary)
    expect(await first.deliver(first.order([0]), wholeText(nasty))).toEqual(['554 5.7.1 no'])
    await until('the connection is given back', () => open.backend.connections()[0]?.idle === 1)
    const second = await open.begin().envelope(recipients(1))
    expect(await second.deliver(second.order([0]), wholeText('A: b\r\n'))).toEqual([
      expect.stringMatching(/^250 /),
    ])
    expect(backend.connections).toHaveLength(1)
    expect(behindEnvelope(backend)).toEqual([`BDAT ${nasty.length} LAST`, 'RSET', 'DATA'])
  })

  test.each([
    ['BINARYMIME', pipelining.filter((keyword) => keyword !== 'BINARYMIME')],
    ['CHUNKING', pipelining.filter((keyword) => keyword !== 'CHUNKING')],
  ])(
    'a server without %s is not shown the message: known-limits.md: “If the server that it reaches turns out not to have it, Rcptwise refuses with 554 5.6.3.”',
    async (_name, offers) => {
      await using backend = await start([], offers)
      await using open = openBackend(backend)
      const begun = open.begin()
      begun.transaction.mail(binary)
      await until('MAIL is answered', () => begun.told.length > 0)
      expect(begun.told).toEqual([
        'mail 554 5.6.3 The mail server behind this one takes no binary text (BINARYMIME)',
      ])
      expect(backend.lines().filter((line) => line.startsWith('MAIL'))).toEqual([])
    },
  )
})
