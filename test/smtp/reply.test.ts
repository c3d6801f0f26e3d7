import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { describeReply, encodeReply, type Reply } from '../../src/smtp/reply.ts'
import {
  maxReplyBytes,
  maxReplyLineBytes,
  maxReplyLines,
  maxReplyTextBytes,
  ReplyParser,
} from '../../src/smtp/reply-parser.ts'
import { replies } from '../../src/smtp/replies.ts'
import { runs } from '../support/properties.ts'
import { cut, cuts, octet } from './splits.ts'

describe('encodeReply', () => {
  test.each<[string, Reply, string]>([
    [
      'the class comes from the code',
      { code: 451, detail: '5.3', lines: ['later'] },
      '451 4.5.3 later\r\n',
    ],
    ['no enhanced code', { code: 354, lines: ['go on'] }, '354 go on\r\n'],
    [
      'several lines',
      { code: 550, detail: '7.1', lines: ['one', 'two'] },
      '550-5.7.1 one\r\n550 5.7.1 two\r\n',
    ],
    ['a relayed one keeps its words', { code: 250, lines: ['2.1.5 Ok'] }, '250 2.1.5 Ok\r\n'],
  ])('%s', (_name, reply, wire) => expect(encodeReply(reply)).toBe(wire))

  test('whatever is put into it, it is one reply of as many lines', () => {
    const words = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        '\u4e0d\u4e0a250 2.0.0 Ok',
        '\r\n250 2.0.0 Ok',
        '\n',
        '\u010d\u010a',
        '\x85\x1b[0m',
      ),
    )
    fc.assert(
      fc.property(fc.array(words, { minLength: 1, maxLength: 4 }), ([first = '', ...more]) => {
        const wire = encodeReply({ code: 550, detail: '7.1', lines: [first, ...more] })
        expect(wire).toMatch(
          /^(?:550-5\.7\.1 [\t\x20-\x7e\x80-\xff]*\r\n)*550 5\.7\.1 [\t\x20-\x7e\x80-\xff]*\r\n$/,
        )
        expect(wire.match(/\r\n/g)).toHaveLength(more.length + 1)
      }),
    )
  })

  test('on one line for people, who read UTF-8', () => {
    expect(describeReply({ code: 550, detail: '7.1', lines: ['one', 'two'] })).toBe(
      '550 5.7.1 one / two',
    )
    expect(describeReply({ code: 550, lines: ['5.7.1 ung\xc3\xbcltig'] })).toBe(
      '550 5.7.1 ungültig',
    )
  })
})

/** Every reply of our own, with arguments where it takes some. */
const samples: [string, Reply][] = Object.entries({
  ...replies,
  greeting: replies.greeting('mx.test'),
  helo: replies.helo('mx.test'),
  ehlo: replies.ehlo('mx.test', ['PRDR']),
  chunkOk: replies.chunkOk(10),
  badArgument: replies.badArgument('MAIL'),
  badPath: replies.badPath('MAIL'),
  badParameters: replies.badParameters('MAIL'),
  badParameter: replies.badParameter('SIZE'),
  unknownParameter: replies.unknownParameter('X'),
  putOff: replies.putOff('a@example.org'),
  rejectedSaying: replies.rejectedSaying('Call us'),
  refusesSender: replies.refusesSender('a@example.org'),
  tooLargeFor: replies.tooLargeFor('a@example.org', 10),
  messageTooLarge: replies.messageTooLarge(10),
  backendLacks: replies.backendLacks('SMTPUTF8'),
  relayDenied: replies.relayDenied('example.org'),
  deferred: replies.deferred(451, 'a@example.org', 60),
  refusalKept: replies.refusalKept(60),
  rejected: replies.rejected('a@example.org'),
})

describe('our own replies', () => {
  const withoutStatus = new Set(['greeting', 'helo', 'ehlo', 'startText', 'blockStart'])
  test.each(samples)('%s', (name, reply) => {
    const wire = encodeReply(reply)
    expect(wire).toMatch(/^(?:[2-5]\d\d[ -][\x20-\x7e]+\r\n)+$/)
    // RFC 5321 4.5.3.1.5
    for (const line of wire.trimEnd().split('\r\n')) expect(line.length).toBeLessThanOrEqual(510)
    if (withoutStatus.has(name)) expect(reply.detail).toBeUndefined()
    else expect(wire).toMatch(/^([245])\d\d \1\.\d\.\d+ /)
    // 421 says that the connection closes; a recipient or message that is to come back is told
    // when.
    if (reply.code === 450 || reply.code === 451 || reply.code === 452)
      expect(wire).toMatch(/again in (\d+) seconds; retry=\d\d:\d\d:\d\d\r\n$/)
    // Words that some senders put into other classes (senders; protocol.md: Temporary failures).
    if (wire.includes('4.5.3')) expect(wire).not.toMatch(/storage|quota|full/i)
  })
})

describe('ReplyParser', () => {
  const parse = (...chunks: string[]): Reply[] => {
    const parser = new ReplyParser()
    return chunks.flatMap((chunk) => parser.push(octet(chunk)))
  }
  test.each<[string, string, Reply[]]>([
    ['one line', '250 2.1.0 Ok\r\n', [{ code: 250, lines: ['2.1.0 Ok'] }]],
    ['several lines', '250-a\r\n250-b\r\n250 c\r\n', [{ code: 250, lines: ['a', 'b', 'c'] }]],
    ['without text', '250\r\n', [{ code: 250, lines: [''] }]],
    ['ends with LF alone', '250 a\n', [{ code: 250, lines: ['a'] }]],
    [
      'two replies',
      '250 a\r\n354 b\r\n',
      [
        { code: 250, lines: ['a'] },
        { code: 354, lines: ['b'] },
      ],
    ],
    [
      'control characters never go on, but for TAB',
      '550 a\tb\0c\rd\r\n',
      [{ code: 550, lines: ['a\tb?c?d'] }],
    ],
    ['a TAB behind the code', '250\ta\r\n', [{ code: 250, lines: ['a'] }]],
    ['nothing between code and words', '250a\r\n', [{ code: 250, lines: ['a'] }]],
    [
      'lines without a code between those with one',
      '250-a\r\nb\r\n\r\n250 c\r\n',
      [{ code: 250, lines: ['a', 'b', '', 'c'] }],
    ],
    ['unfinished', '250-a\r\n250', []],
  ])('%s', (_name, wire, expected) => expect(parse(wire)).toEqual(expected))

  test('a line that comes in one piece is read as one that comes octet by octet', () => {
    const piece = fc.constantFrom(
      '250',
      '354',
      '150',
      ' ',
      '-',
      '\t',
      'Ok',
      '\r',
      '\n',
      '\0',
      '\xfc',
    )
    const end = fc.constantFrom('\r\n', '\n', '')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), end, (pieces, ending) => {
        const wire = `${pieces.join('')}${ending}`
        const [whole, byOctet] = [new ReplyParser(), new ReplyParser()]
        const read = whole.push(octet(wire))
        expect(read).toEqual(Array.from(wire).flatMap((one) => byOctet.push(octet(one))))
        expect(whole.trouble).toBe(byOctet.trouble)
        expect(whole.pendingBytes).toBe(byOctet.pendingBytes)
        expect(whole.unfinished).toEqual(byOctet.unfinished)
        if (whole.trouble !== undefined) return
        expect(whole.push(octet('250 next\r\n'))).toEqual(byOctet.push(octet('250 next\r\n')))
      }),
      { numRuns: 5000 },
    )
  })

  test.each([
    ['no code', 'hello\r\n'],
    ['1yz', '150 a\r\n'],
    ['6yz', '600 a\r\n'],
    ['four digits', '2500 a\r\n'],
    ['empty line', '\r\n'],
    ['a line that never ends', 'a'.repeat(maxReplyBytes + 1)],
  ])('refuses: %s', (_name, wire) => {
    const parser = new ReplyParser()
    expect(parser.push(octet(wire))).toEqual([])
    expect(parser.trouble).toBeDefined()
    expect(parser.unfinished).toBeUndefined()
  })

  const cases: [string, string, boolean][] = [
    ['a line of a megabyte', `250 ${'a'.repeat(1_000_000)}\r\n`, true],
    ['ten thousand lines', `${'250-a\r\n'.repeat(10_000)}250 a\r\n`, true],
    ['long lines and many of them', `${`250-${'a'.repeat(4000)}\r\n`.repeat(200)}250 a\r\n`, true],
    ['a line without an end', `250 ${'a'.repeat(maxReplyBytes)}`, false],
    ['lines without an end', '250-a\r\n'.repeat(maxReplyBytes), false],
    ['another code in the lines that follow', '250-a\r\n550 b\r\n', false],
    ['a code and a blank', '250 ', false],
    ['a first line of several', '250-a\r\n', false],
    ['lines that are none', '250-a\r\n\0\xff\r\n', false],
  ]
  test.each(cases)('the answer is kept, whatever follows its code: %s', (_name, wire, ends) => {
    const parser = new ReplyParser()
    const [whole] = parser.push(octet(wire))
    expect(whole !== undefined).toBe(ends)
    const answer = whole ?? parser.unfinished
    expect(answer?.code).toBe(250)
    expect(answer?.lines.length).toBeLessThanOrEqual(maxReplyLines)
    expect(answer?.lines.join('').length).toBeLessThanOrEqual(maxReplyTextBytes)
  })

  test('the answer is kept, and memory bounded, whatever follows its code', () => {
    const code = fc.integer({ min: 200, max: 599 })
    const junk = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
      fc.constantFrom(
        '\r\n',
        '250-',
        '550 no\r\n',
        '\n',
        ' ',
        '-',
        '\t',
        'a'.repeat(maxReplyLineBytes),
      ),
    )
    fc.assert(
      fc.property(
        code,
        fc.constantFrom(' ', '-'),
        fc.array(junk, { maxLength: 6 }),
        cuts,
        (said, next, rest, at) => {
          const parser = new ReplyParser()
          const wire = octet(`${said}${next}${rest.join('')}`)
          const all = cut(wire, at).flatMap((chunk) => parser.push(chunk))
          expect((all[0] ?? parser.unfinished)?.code).toBe(said)
          expect(parser.pendingBytes).toBeLessThanOrEqual(maxReplyTextBytes + maxReplyLineBytes)
        },
      ),
    )
  })

  test('decode(encode(x)) = x, split anywhere', () => {
    const line = fc.stringMatching(/^[ -~]{0,40}$/)
    const reply = fc.record({
      code: fc.integer({ min: 200, max: 599 }),
      lines: fc
        .tuple(line, fc.array(line, { maxLength: 3 }))
        .map(([first, more]): [string, ...string[]] => [first, ...more]),
    })
    fc.assert(
      fc.property(fc.array(reply, { maxLength: 4 }), cuts, (all, at) => {
        const wire = octet(all.map(encodeReply).join(''))
        const parser = new ReplyParser()
        expect(cut(wire, at).flatMap((chunk) => parser.push(chunk))).toEqual(all)
        expect(parser.pendingBytes).toBe(0)
      }),
    )
  })

  test('whatever comes, in one piece or octet by octet it is the same replies and the same trouble', () => {
    const piece = fc.constantFrom(
      ...['250 a\r\n', '354 \r\n', '250-b\r\n', '250 c\n', '599 \t\xff\r\n', '250', ' ', '-', 'd'],
      ...['\r', '\n', '\r\n', '\0', '\x7f', '199 e\r\n', '2500 f\r\n', '250\r\n', '220 g\r\r\n'],
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const wire = octet(pieces.join(''))
        const [whole, single] = [new ReplyParser(), new ReplyParser()]
        const replies = Array.from(wire, (one) => single.push(Buffer.of(one))).flat()
        expect(whole.push(wire)).toEqual(replies)
        expect(whole.trouble).toBe(single.trouble)
      }),
      { numRuns: runs(20_000) },
    )
  })

  test('random octets never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), cuts, (bytes, at) => {
        const parser = new ReplyParser()
        for (const chunk of cut(Buffer.from(bytes), at)) parser.push(chunk)
      }),
    )
  })
})
