/**
 * A report from its first question to the backend's answer, with a backend and a voucher that say
 * what the test wants.
 */
import { describe, expect, test } from 'vitest'
import type { Backend, DeliveryListener, EnvelopeListener } from '../../src/backend/backend.ts'
import { backendBounces, type BouncesOptions } from '../../src/bounce/backend-bounces.ts'
import type { BounceRequest, Prepared } from '../../src/bounce/bounce.ts'
import { SenderAllowance } from '../../src/bounce/sender-allowance.ts'
import type { TextSource } from '../../src/message/text-source.ts'
import type { Reply } from '../../src/smtp/reply.ts'
import type { ClientAttributes } from '../../src/smtp/xclient.ts'
import type { Vouching } from '../../src/sender-auth/sender-auth.ts'

const yes: Reply = { code: 250, lines: ['2.0.0 Ok'] }

class TestBackend {
  readonly said: string[] = []
  client: ClientAttributes = {}
  text = ''
  abandoned = 0
  keywords = ['8BITMIME', 'SMTPUTF8']
  mail: Reply | undefined = yes
  rcpt: Reply | undefined = yes
  end: Reply = yes
  extensions: Backend['extensions'] = () => new Map(this.keywords.map((keyword) => [keyword, '']))
  begin: Backend['begin'] = (_id, listener: EnvelopeListener, client) => {
    this.client = client
    return {
      mail: (argument) => {
        this.said.push(`MAIL ${argument}`)
        if (this.mail !== undefined) listener.mailReplied(this.mail)
      },
      rcpt: (index, argument) => {
        this.said.push(`RCPT ${argument}`)
        if (this.rcpt !== undefined) listener.recipientReplied(index, this.rcpt)
      },
      deliver: (_order, text, told) => void this.#deliver(text, told),
      committing: false,
      abandon: () => this.abandoned++,
    }
  }

  async #deliver(text: TextSource, told: DeliveryListener): Promise<void> {
    for await (const chunk of text.chunks()) this.text += chunk.toString('utf8')
    told.delivered([{ reply: this.end, own: new Map(), ms: 1 }])
  }
}

const header = 'From: <ann@example.org>\r\nSubject: offer\r\n'
const body = 'Buy.\r\n'

function request(
  differences: Partial<BounceRequest> & { readonly octets?: Buffer } = {},
): BounceRequest {
  const { octets = Buffer.from(`${header}\r\n${body}`), ...others } = differences
  return {
    transaction: 'x.1',
    client: { address: '192.0.2.1', helo: 'client.example' },
    reversePath: { mailbox: 'ann@example.org', address: 'ann@example.org' },
    international: false,
    requireTls: false,
    symbols: ['SOME'],
    arrivedAt: 0,
    text: {
      whole: () => undefined,
      async *chunks() {
        for (const octet of octets) yield await Promise.resolve(Buffer.of(octet))
      },
    },
    ...others,
  }
}

function set(differences: Partial<BouncesOptions> & { readonly vouching?: Vouching } = {}) {
  const { vouching = { kind: 'vouched', by: 'spf', domain: 'example.org' }, ...others } =
    differences
  const backend = new TestBackend()
  const asked: unknown[] = []
  const bounces = backendBounces({
    backend,
    voucher: {
      vouchFor: async (message) => {
        asked.push(message)
        return await Promise.resolve(vouching)
      },
    },
    allowance: new SenderAllowance(2, () => 0),
    hostname: 'mx.test',
    headerBytes: 1000,
    wholeTextBytes: 1000,
    newId: () => 'id1',
    now: () => 0,
    ...others,
  })
  return { backend, bounces, asked }
}

const refusals = [
  { recipient: 'cho@example.org', reply: { code: 550, detail: '7.1', lines: ['no'] } },
] as const

const why = (prepared: Prepared): string => (prepared.ready ? 'ready' : prepared.why)

test('the backend is asked first, and gets the report later', async () => {
  const { backend, bounces } = set()
  const bounce = bounces.begin(request())
  expect(await bounce.prepare()).toEqual({ ready: true, by: 'spf' })
  expect(backend.said).toEqual(['MAIL <>', 'RCPT <ann@example.org>'])
  expect(backend.client).toMatchObject({ address: '127.0.0.1', helo: 'mx.test' })
  expect(backend.text).toBe('')
  expect(await bounce.report(refusals)).toBe(yes)
  expect(backend.text).toContain('\r\nFinal-Recipient: rfc822; cho@example.org\r\n')
  expect(backend.text).toContain(
    `\r\nContent-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: 7bit\r\n\r\n${header}`,
  )
  expect(backend.text).not.toContain(body)
})

describe('no report', () => {
  test('for a list, and nobody is asked about it', async () => {
    const { backend, bounces, asked } = set()
    const list = request({ octets: Buffer.from(`List-Id: <x>\r\n${header}\r\n`) })
    expect(why(await bounces.begin(list).prepare())).toBe('automatic')
    expect([...backend.said, ...asked]).toEqual([])
  })

  test('where nobody vouches, and the backend is not asked', async () => {
    const { backend, bounces } = set({ vouching: { kind: 'unvouched', why: 'spf fail' } })
    expect(await bounces.begin(request()).prepare()).toEqual({
      ready: false,
      why: 'unvouched',
      words: 'spf fail',
    })
    expect(backend.said).toEqual([])
  })

  test.each([
    ['MAIL', { mail: { code: 550, lines: ['5.7.1 no'] }, rcpt: undefined }],
    ['RCPT', { rcpt: { code: 554, lines: ['5.7.1 Relay access denied'] } }],
    ['RCPT for now', { rcpt: { code: 450, lines: ['4.7.1 Greylisted'] } }],
  ] as const)('which the backend would not take: %s', async (_name, answers) => {
    const { backend, bounces } = set()
    Object.assign(backend, answers)
    expect(why(await bounces.begin(request()).prepare())).toBe('undeliverable')
    expect(backend.abandoned).toBe(1)
  })

  test('in Unicode for a backend without SMTPUTF8', async () => {
    const { backend, bounces } = set()
    backend.keywords = ['8BITMIME']
    expect(why(await bounces.begin(request({ international: true })).prepare())).toBe(
      'undeliverable',
    )
  })

  test('of a text that can not be read', async () => {
    const { bounces } = set()
    const text: BounceRequest['text'] = {
      whole: () => undefined,
      async *chunks() {
        yield await Promise.resolve(Buffer.from('A'))
        throw new Error('the text is not complete')
      },
    }
    expect(await bounces.begin(request({ text })).prepare()).toMatchObject({
      words: 'the text is not complete',
    })
  })

  test('more than the sender may have; what came to nothing does not count', async () => {
    const { backend, bounces } = set()
    const one = bounces.begin(request())
    const two = bounces.begin(request())
    expect(why(await one.prepare())).toBe('ready')
    expect(why(await two.prepare())).toBe('ready')
    expect(why(await bounces.begin(request()).prepare())).toBe('limited')
    one.abandon()
    backend.end = { code: 451, lines: ['4.3.0 Not now'] }
    await two.report(refusals)
    two.abandon()
    backend.end = yes
    for (const expected of ['ready', 'ready', 'limited']) {
      const next = bounces.begin(request())
      expect(why(await next.prepare())).toBe(expected)
      if (expected === 'ready') await next.report(refusals)
      next.abandon()
    }
  })
})

describe('what is returned', () => {
  const long = Buffer.from(`${header}\r\n${'x'.repeat(1000)}\r\n`)
  const eightBit = Buffer.from(`${header}\r\n\xfc\r\n`, 'latin1')
  test.each([
    ['RET=FULL', 'FULL', Buffer.from(`${header}\r\n${body}`), ['8BITMIME'], 'message/rfc822', '<>'],
    [
      'RET=HDRS',
      'HDRS',
      Buffer.from(`${header}\r\n${body}`),
      ['8BITMIME'],
      'text/rfc822-headers',
      '<>',
    ],
    ['RET=FULL of a long text', 'FULL', long, ['8BITMIME'], 'text/rfc822-headers', '<>'],
    ['RET=FULL of 8bit', 'FULL', eightBit, ['8BITMIME'], 'message/rfc822', '<> BODY=8BITMIME'],
    ['RET=FULL of 8bit, to 7bit', 'FULL', eightBit, [], 'text/rfc822-headers', '<>'],
  ])('%s', async (_name, ...[ret, octets, keywords, type, mail]) => {
    const { backend, bounces } = set()
    backend.keywords = keywords
    const bounce = bounces.begin(request({ ret, octets }))
    await bounce.prepare()
    await bounce.report(refusals)
    expect(backend.said[0]).toBe(`MAIL ${mail}`)
    expect(backend.text).toContain(`\r\nContent-Type: ${type}\r\n`)
  })
})

test('in Unicode (RFC 6533)', async () => {
  const { backend, bounces } = set()
  const mailbox = Buffer.from('jürgen@example.org').toString('latin1')
  const reversePath = { mailbox, address: 'jürgen@example.org' }
  const bounce = bounces.begin(request({ international: true, reversePath }))
  expect(why(await bounce.prepare())).toBe('ready')
  await bounce.report(refusals)
  expect(backend.said).toEqual(['MAIL <> BODY=8BITMIME SMTPUTF8', `RCPT <${mailbox}>`])
  expect(backend.text).toContain('\r\nTo: <jürgen@example.org>\r\n')
})

test('nobody waits any more: the answer is no, and nothing stays open', async () => {
  const { backend, bounces } = set()
  backend.rcpt = undefined
  const bounce = bounces.begin(request())
  const prepared = bounce.prepare()
  await expect.poll(() => backend.said.length).toBe(2)
  bounce.abandon()
  expect(why(await prepared)).toBe('undeliverable')
  expect(backend.abandoned).toBeGreaterThan(0)
})
