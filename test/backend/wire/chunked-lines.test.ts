/** A text of lines goes by BDAT to a server that offers CHUNKING: one step less than with DATA. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { onTop } from '../../../src/message/edits.ts'
import { type FakeBackend, type Rule, startFakeBackend } from '../../support/fake-backend.ts'
import { until } from '../../support/lab/until.ts'
import { type OpenBackend, openBackend, recipients, SlowText } from '../backend-session.ts'
import { wholeText } from '../whole-text.ts'

const offers = ['PIPELINING', '8BITMIME', 'CHUNKING']
const yes = expect.stringMatching(/^250 /) as string
const lost =
  '451 4.4.2 The mail server behind this one went away; please try again in 300 seconds; retry=00:05:00'

const nonsense =
  '451 4.3.0 The mail server behind this one gave an answer that has no place here; please try again in 300 seconds; retry=00:05:00'

const start = async (...rules: readonly Rule[]): Promise<FakeBackend> =>
  await startFakeBackend({ offers, rules })
const open = (backend: FakeBackend): OpenBackend => openBackend(backend, { chunking: true })

const textCommands = (backend: FakeBackend): string[] =>
  backend.lines().filter((line) => /^(?:BDAT|DATA|RSET)/.test(line))

async function deliver(session: OpenBackend, text = 'A: b\r\n\r\nhello\r\n'): Promise<string[]> {
  const begun = await session.begin().envelope(recipients(2))
  return await begun.deliver(begun.order([0, 1]), wholeText(text))
}

describe('a text of lines', () => {
  test('is one chunk, and the next message follows without RSET', async () => {
    await using backend = await start()
    await using session = open(backend)
    expect(await deliver(session, 'A: b\r\n\r\n.\r\n..\r\n')).toEqual([yes])
    await until('the connection is given back', () => session.backend.connections()[0]?.idle === 1)
    expect(await deliver(session)).toEqual([yes])
    expect(textCommands(backend)).toEqual(['BDAT 15 LAST', 'BDAT 15 LAST'])
    expect(backend.delivered[0]?.text.toString()).toBe('A: b\r\n\r\n.\r\n..\r\n')
    expect(backend.connections).toHaveLength(1)
  })

  test('several results: each gets a text of its own, with its header fields', async () => {
    await using backend = await start()
    await using session = open(backend)
    const begun = await session.begin().envelope(recipients(2))
    const order = begun.order([0], [1])
    const parcels = order.parcels.map((parcel, n) => ({
      ...parcel,
      edits: [[onTop([{ name: 'X-Copy', value: ` ${n}` }])]],
    }))
    await begun.deliver({ ...order, parcels }, wholeText('A: b\r\n\r\nhello\r\n'))
    expect(backend.delivered.map(({ text, by }) => [text.toString(), by])).toEqual([
      ['X-Copy: 0\r\nA: b\r\n\r\nhello\r\n', 'BDAT'],
      ['X-Copy: 1\r\nA: b\r\n\r\nhello\r\n', 'BDAT'],
    ])
  })

  test('is the same as behind DATA, in whatever pieces it is held', async () => {
    await using backend = await start()
    await using chunked = open(backend)
    await using plain = openBackend(backend)
    const piece = fc.constantFrom(
      'A: b\r\n',
      '\r\n',
      '.',
      '\r',
      '\n',
      'x',
      '',
      '..\r\n',
      '\r\n.\r\n',
    )
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
        const held = pieces.map((one) => Buffer.from(one))
        const text = { ...wholeText(''), whole: () => held }
        const got: string[] = []
        for (const session of [chunked, plain]) {
          const begun = await session.begin().envelope(recipients(1))
          expect(await begun.deliver(begun.order([0]), text)).toEqual([yes])
          got.push(backend.delivered.at(-1)?.text.toString() ?? '')
        }
        expect(got[0]).toBe(got[1])
      }),
      { numRuns: 60 },
    )
  })

  test('the client hears what a server says behind its words about the chunk (Exim)', async () => {
    const say = ['250-2.0.0  15 byte chunk, total 15', '250 2.0.0 OK id=1xY4yR-0001uB-24']
    await using backend = await start({ on: 'dot', say })
    await using session = open(backend)
    expect(await deliver(session)).toEqual(['250 2.0.0 OK id=1xY4yR-0001uB-24'])
  })

  test.each<[string, Parameters<typeof openBackend>[1], readonly string[]]>([
    ['the server does not offer it', { chunking: true }, ['PIPELINING']],
    ['it is switched off', { chunking: false }, offers],
  ])('goes by DATA where %s', async (_name, options, offered) => {
    await using backend = await startFakeBackend({ offers: [...offered] })
    await using session = openBackend(backend, options)
    expect(await deliver(session)).toEqual([yes])
    expect(textCommands(backend)).toEqual(['DATA'])
  })

  test('goes by DATA while it is still coming', async () => {
    await using backend = await start()
    await using session = open(backend)
    const begun = await session.begin().envelope(recipients(1))
    const text = new SlowText()
    text.give(Buffer.from('A: b\r\n'))
    text.end('complete')
    expect(await begun.deliver(begun.order([0]), text)).toEqual([yes])
    expect(textCommands(backend)).toEqual(['DATA'])
  })
})

describe('what goes wrong', () => {
  test.each(['554 5.7.1 no', '452 4.3.1 full'])(
    'it is refused (%s): that is the answer, and RSET comes before the next message',
    async (refusal) => {
      await using backend = await start({ on: 'dot', nth: 1, say: refusal })
      await using session = open(backend)
      expect(await deliver(session)).toEqual([refusal])
      await until(
        'the connection is given back',
        () => session.backend.connections()[0]?.idle === 1,
      )
      expect(await deliver(session)).toEqual([yes])
      expect(textCommands(backend)).toEqual(['BDAT 15 LAST', 'RSET', 'BDAT 15 LAST'])
    },
  )

  test.each(['500 5.5.2 unknown command', '502 5.5.1 not implemented', '503 5.5.1 not now'])(
    'a server that offers CHUNKING and does not know BDAT (%s): the message comes again by DATA',
    async (said) => {
      await using backend = await start({ on: 'dot', nth: 1, say: said })
      await using session = open(backend)
      expect(await deliver(session)).toEqual([lost])
      await until('the connection is over', () => backend.connections[0]?.ended === true)
      expect(await deliver(session)).toEqual([yes])
      expect(textCommands(backend)).toEqual(['BDAT 15 LAST', 'DATA'])
    },
  )

  test.each<[string, Rule, string]>([
    ['is never answered', { on: 'dot', nth: 1, silent: true }, lost],
    [
      'is answered by the end of the connection',
      { on: 'dot', nth: 1, silent: true, then: 'close' },
      lost,
    ],
    ['is answered with 354', { on: 'dot', nth: 1, say: '354 go on' }, nonsense],
  ])('one that %s', async (_name, rule, told) => {
    await using backend = await start(rule)
    await using session = openBackend(backend, { chunking: true, deliveryTimeoutMs: 200 })
    expect(await deliver(session)).toEqual([told])
    expect(await deliver(session)).toEqual([yes])
  })
})
