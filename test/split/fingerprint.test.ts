import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createFingerprint } from '../../src/split/fingerprint.ts'
import type { MessageIdentity } from '../../src/split/split.ts'
import { lookedLinesLimit } from '../../src/split/fingerprint-body.ts'
import { headerFieldsLimit } from '../../src/message/header-fields.ts'
import { headerLimitBytes } from '../../src/message/header-section.ts'
import { runs } from '../support/properties.ts'

function identify(...chunks: readonly (string | Buffer)[]): MessageIdentity {
  const fingerprint = createFingerprint()
  for (const chunk of chunks)
    fingerprint.push(typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : chunk)
  return fingerprint.end()
}

const of = (text: string): string => identify(text).fingerprint
const lines = (...all: readonly string[]): string => all.map((line) => `${line}\r\n`).join('')

const header = [
  'From: Anna <anna@example.net>',
  'To: a@example.org, b@example.org',
  'Subject: Minutes of the meeting',
  'Date: Mon, 5 Oct 2026 08:00:00 +0000',
  'Message-ID: <1@example.net>',
]
const body = ['Dear all,', '', '  the minutes.', '.', '-- ', 'Anna']
const message = lines(...header, '', ...body)

describe('the same message', () => {
  test.for([
    ['with another Received', lines('Received: from b by c; now', ...header, '', ...body)],
    [
      'with a folded Received',
      lines('Received: from b', '\tby c;', ' now', ...header, '', ...body),
    ],
    [
      'with what relays and filters add',
      lines(
        'Return-Path: <anna@example.net>',
        'Delivered-To: a@example.org',
        'X-Spam-Status: No',
        'DKIM-Signature: v=1; b=abc',
        'ARC-Seal: i=1',
        'Authentication-Results: mx; spf=pass',
        ...header,
        'X-MS-Exchange-Organization-AuthAs: Internal',
        '',
        ...body,
      ),
    ],
    ['with its fields in another order', lines(...header.toReversed(), '', ...body)],
    [
      'with folded fields',
      message.replace('<anna@', '\r\n <anna@').replace('of the', 'of\r\n\tthe'),
    ],
    [
      'with other white space in fields',
      message.replace('Minutes of', '  Minutes \t of').replace('Date: ', 'Date:'),
    ],
    ['with white space before a colon', message.replace('To:', 'To :')],
    [
      'with field names in another case',
      message.replace('Message-ID', 'Message-Id').replace('From', 'FROM'),
    ],
    ['with empty lines at its end', `${message}\r\n \r\n\t\r\n`],
    ['with white space at its end', message.replace(/\r\n$/, ' \t\r\n')],
    ['without its last line end', message.slice(0, -2)],
  ])('%s', ([, other]) => {
    expect(other).not.toBe(message)
    expect(of(other ?? '')).toBe(of(message))
  })

  const parts = (outer: string, inner: string): string =>
    lines(
      ...header,
      'MIME-Version: 1.0',
      `Content-Type: multipart/mixed;`,
      `\tboundary="${outer}"`,
      '',
      `--${outer}`,
      `Content-Type: multipart/alternative; boundary=""`,
      '',
      `--${inner}`,
      '',
      'Hello',
      `--${inner}--`,
      `--${outer}`,
      '',
      'again',
      `--${outer}--`,
    )

  test.for([
    ['a', '_000_AM0PR'],
    ['----=_Part_1.2', "b'()+,-./:=?"],
  ])('with other MIME boundaries, inner and outer (%s, %s)', ([outer = '', inner = '']) => {
    expect(of(parts(outer, inner))).toBe(of(parts('one', 'other')))
    expect(of(parts(outer, inner).slice(0, -2))).toBe(of(parts('one', 'other')))
    expect(of(`${parts(outer, inner)}\r\n`)).toBe(of(parts('one', 'other')))
  })

  test('is another one with other parts', () => {
    const same = parts('a', 'b')
    const others = [
      parts('a', 'a'),
      same.replace('--b--', '--b'),
      same.replace('--a--', '--b--'),
      same.replace('--b\r\n', ''),
      same.replace('Hello\r\n', 'Hello\r\n--b\r\n'),
      same.replace('Hello', '--'),
      same.replace('Hello', '-- '),
      same.replace('Hello', '-----'),
      same.replace('Hello', '--- a b'),
      same.replace('multipart/mixed', 'text/plain'),
    ]
    expect(new Set([same, ...others].map(of)).size).toBe(others.length + 1)
  })
})

describe('another message', () => {
  test.for([
    ['with one Message-ID and another body', message.replace('minutes.', 'minutes!')],
    ['with another Message-ID', message.replace('<1@', '<2@')],
    ['with another subject', message.replace('Minutes', 'Notes')],
    ['with another date', message.replace('08:00', '08:01')],
    ['with one more recipient in Cc', message.replace('Date:', 'Cc: c@example.org\r\nDate:')],
    ['with a field twice', message.replace('Date:', 'To: a@example.org, b@example.org\r\nDate:')],
    [
      'with values of two fields exchanged',
      message.replace('From: Anna <anna@example.net>', 'From: x'),
    ],
    [
      'with an empty line more within its body',
      message.replace('Dear all,\r\n', 'Dear all,\r\n\r\n'),
    ],
    ['with white space more within its body', message.replace('Dear all,', 'Dear all, ')],
    ['with white space more at the start of its body', message.replace('Dear all,', ' Dear all,')],
    ['with a line of one dash', message.replace('.\r\n', '.\r\n-\r\n')],
    ['with dashes within a line', message.replace('minutes.', 'minutes. --x')],
    ['with another line of dashes', message.replace('-- \r\n', '--x\r\n')],
    ['with a line of dashes more', message.replace('-- \r\n', '-- \r\n-- \r\n')],
    [
      'with a field moved into the body',
      lines(...header.slice(0, 4), '', header[4] ?? '', ...body),
    ],
    [
      'with the first line of the body moved into the header',
      lines(...header, `Subject: ${body[0] ?? ''}`, '', ...body.slice(1)),
    ],
  ])('%s', ([, other]) => {
    expect(other).not.toBe(message)
    expect(of(other ?? '')).not.toBe(of(message))
  })

  test('that is no more than text has a fingerprint of its own', () => {
    const texts = [
      '',
      'Hello\r\n',
      'Hello you\r\n',
      'Hello\r\n\r\nyou\r\n',
      '\r\nyou\r\n',
      'From: a\r\nHello\r\n',
      ' x: y\r\n',
    ]
    expect(new Set(texts.map(of)).size).toBe(texts.length)
  })

  test('is one whose kept field and body, written one after the other, look the same', () => {
    expect(of('Subject: a\r\n\r\nb\r\n')).not.toBe(of('Subject: ab\r\n\r\n'))
    expect(of('Subject: a 1 b\r\n\r\n')).not.toBe(of('Subject: a\r\nSubject: b\r\n\r\n'))
  })
})

describe('without a Message-ID', () => {
  const unnamed = message.replace('Message-ID: <1@example.net>\r\n', '')

  test('two messages are one only if all their octets are the same', () => {
    const others = [
      lines('Received: from a by b; later', ...header.slice(0, 4), '', ...body),
      unnamed.replace('-- \r\n', '--x\r\n'),
      unnamed.replace('To: ', 'To:  '),
      unnamed.replace('Date: ', 'date: '),
      unnamed.replace('Date: Mon, 5 Oct 2026 08:00:00 +0000\r\n', ''),
      `${unnamed}\r\n`,
      unnamed.slice(0, -2),
      lines('Message-ID:', ...header.slice(0, 4), '', ...body),
    ]
    expect(new Set([unnamed, ...others].map(of)).size).toBe(others.length + 1)
  })

  test('whatever differs, two texts are two messages', () => {
    fc.assert(
      fc.property(text, text, (one, other) => {
        fc.pre(!/message-id/i.test(one + other))
        expect(of(one) === of(other)).toBe(one === other)
        expect(of(`Subject: a\r\n\r\n${one}`) === of(`Subject: a\r\n\r\n${other}`)).toBe(
          one === other,
        )
      }),
      { numRuns: runs(2000) },
    )
  })
})

describe('the Message-ID', () => {
  test.for([
    ['is that of the field', 'Message-ID: <1@example.net>\r\n\r\n', '<1@example.net>'],
    ['is unfolded', 'Message-ID:\r\n  <1@example.net>\r\n\r\n', '<1@example.net>'],
    ['is the first of several', 'message-id: <1@a>\r\nMessage-ID: <2@a>\r\n\r\n', '<1@a>'],
    ['is cut at 250 characters', `Message-ID: <${'x'.repeat(900)}>\r\n\r\n`, `<${'x'.repeat(249)}`],
    ['is absent without the field', 'Subject: a\r\n\r\nMessage-ID: <1@a>\r\n', undefined],
    ['is absent when it is empty', 'Message-ID: \r\n\r\n', undefined],
  ] as const)('%s', ([, text, messageId]) => {
    expect(identify(text).messageId).toBe(messageId)
  })

  test('is read as UTF-8', () => {
    expect(identify(Buffer.from('Message-ID: <ä@example.net>\r\n\r\n')).messageId).toBe(
      '<ä@example.net>',
    )
  })
})

/** Texts in which what is looked for is likely. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '\r\n',
        '\r\n',
        '\r',
        '\n',
        '-',
        '--',
        '\r\n--',
        ' ',
        '\t',
        '.',
        ':',
        '\r\n\r\n',
      ),
      fc.constantFrom(
        'Subject: a',
        'Received: b',
        'Message-ID: <c>',
        ' folded',
        'text',
        '--boundary',
      ),
      fc.string({ maxLength: 5 }),
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(''))

/** The text cut at these places, which may be the same: chunks may be empty. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [
    0,
    ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b),
    bytes.length,
  ]
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end))
}

describe('of any text', () => {
  test('the result does not depend on where its chunks end', () => {
    fc.assert(
      fc.property(text, fc.array(fc.nat(), { maxLength: 30 }), (whole, places) => {
        const bytes = Buffer.from(whole)
        expect(identify(...cut(bytes, places))).toEqual(identify(bytes))
        expect(identify(...cut(bytes, [...bytes.keys()]))).toEqual(identify(bytes))
      }),
      { numRuns: runs(2000) },
    )
  })

  test('two bodies of one named message are the same only if they differ in white space at their end', () => {
    fc.assert(
      fc.property(text, text, (one, other) => {
        const same = of(`${named}\r\n${one}`) === of(`${named}\r\n${other}`)
        expect(same).toBe(trimmed(one) === trimmed(other))
      }),
      { numRuns: runs(2000) },
    )
  })

  test('or, where it has parts, in the names of their boundaries, each of which stays one', () => {
    const bodies = fc
      .array(
        fc.oneof(
          fc.constantFrom('--a', '--a--', '--b', '--b--', '--', '---', '-- ', 'text', ''),
          text,
        ),
        {
          maxLength: 12,
        },
      )
      .map((all) => all.map((line) => `${line}\r\n`).join(''))
    const head = `${named}Content-Type: multipart/mixed; boundary=a\r\n\r\n`
    fc.assert(
      fc.property(bodies, bodies, fc.boolean(), (one, two, renamed) => {
        const other = renamed
          ? one.replace(/^--[ab](?=\r|--\r)/gm, (line) => (line === '--a' ? '--b' : '--c'))
          : two
        expect(of(`${head}${one}`) === of(`${head}${other}`)).toBe(model(one) === model(other))
      }),
      { numRuns: runs(2000) },
    )
  })

  test('fields that relays add may come anywhere in the header section', () => {
    const names = fc.constantFrom(
      'Received',
      'Return-Path',
      'X-Spam',
      'DKIM-Signature',
      'ARC-Seal',
      'MIME-Version',
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(), names, fc.boolean())), (added) => {
        const more = [...header]
        for (const [place, name, folded] of added) {
          more.splice(place % (more.length + 1), 0, `${name}: x${folded ? '\r\n\tSubject: y' : ''}`)
        }
        expect(of(lines(...more, '', ...body))).toBe(of(message))
      }),
    )
  })

  const named = 'Message-ID: <1@example.net>\r\n'
  const trimmed = (whole: string): string => whole.replace(/[ \t\r\n]+$/, '')

  /** The rules once more, on a whole string: boundaries by number, with the place of each. */
  function model(whole: string): string {
    const numbers = new Map<string, number>()
    let kept = ''
    const marks = whole.split(/(?<=\r\n)/).flatMap((line) => {
      const found = /^--((?=-*[^-\r \t])[0-9A-Za-z'()+_,./:=?-]+?)(--)?[ \t]*(?:\r\n)?$/.exec(line)
      if (found?.[1] === undefined || line.length > 70) {
        kept += line
        return []
      }
      numbers.set(found[1], numbers.get(found[1]) ?? numbers.size)
      return [[kept.length, numbers.get(found[1]), found[2]]]
    })
    return JSON.stringify([trimmed(kept), marks])
  }
})

describe('of a large text', () => {
  const long = (size: number): string =>
    lines(...header, `X-Filler: ${'x'.repeat(size)}`, '', ...body)

  test.for([-70, -3, -2, -1, 0, 1, 2, 3, 70])(
    'whose header section ends about where reading it ends (%d), chunks make no difference',
    (distance) => {
      const size = headerLimitBytes - lines(...header, 'X-Filler: ', '').length + distance
      const bytes = Buffer.from(long(size))
      const places = Array.from({ length: 40 }, (_, n) => headerLimitBytes - 20 + n)
      expect(identify(...cut(bytes, places))).toEqual(identify(bytes))
      expect(identify(bytes).fingerprint === of(message)).toBe(distance <= 0)
    },
  )

  test('whose header section has very many fields, all bytes count', () => {
    const many = (count: number, more: string): string =>
      lines('Message-ID: <1@a>', ...Array<string>(count).fill('To: a'), more, '', 'x')
    expect(of(many(headerFieldsLimit, 'X-A: b'))).not.toBe(of(many(headerFieldsLimit, 'X-A: c')))
    expect(identify(many(headerFieldsLimit, 'X-A: b'))).not.toHaveProperty('messageId')
    expect(of(many(headerFieldsLimit - 10, 'X-A: b'))).toBe(
      of(many(headerFieldsLimit - 10, 'X-A: c')),
    )
  })

  test('whose header section does not end, all bytes count', () => {
    const endless = Buffer.alloc(headerLimitBytes * 2, 'X-A: b\r\n')
    const other = Buffer.from(endless)
    other[headerLimitBytes + 500] = 0x21
    expect(identify(endless)).toEqual(identify(...cut(endless, [7, 70_000, headerLimitBytes])))
    expect(identify(other).fingerprint).not.toBe(identify(endless).fingerprint)
  })

  test('of 50 MiB, chunks make no difference', () => {
    const line = `${'a line of text '.repeat(5)}\r\n--b\r\n`
    const whole = Buffer.concat([
      Buffer.from(lines(...header, '')),
      Buffer.alloc(50 * 1024 * 1024, line),
    ])
    const places = Array.from({ length: 800 }, (_, n) => n * 65_536)
    expect(identify(...cut(whole, places))).toEqual(identify(whole))
    expect(identify(whole).fingerprint).not.toBe(identify(whole.subarray(0, -40)).fingerprint)
  })

  test('of very many lines with dashes, the last ones count', () => {
    const many = (last: string): string =>
      lines(
        'Message-ID: <1@a>',
        'Content-Type: multipart/mixed; boundary=b',
        '',
        ...Array<string>(lookedLinesLimit).fill('--b'),
        last,
      )
    expect(of(many('--c'))).not.toBe(of(many('--d')))
    expect(of(many('x').replaceAll('--b', '--c'))).toBe(of(many('x')))
    expect(of(many('x').replace('--b', '--c'))).not.toBe(of(many('x')))
    const bytes = Buffer.from(many('--c\r\nx\r\n--d'))
    const places = Array.from({ length: 30 }, (_, n) => bytes.length - n)
    expect(identify(...cut(bytes, places))).toEqual(identify(bytes))
  })

  test('of white space only, as much of it as you like is an empty body', () => {
    const blank = Buffer.alloc(1024 * 1024, ' \t\r\n')
    expect(identify('Message-ID: <1@a>\r\n\r\n', blank, blank)).toEqual(
      identify('Message-ID: <1@a>\r\n\r\n'),
    )
    expect(identify('Message-ID: <1@a>\r\n\r\n', blank, 'x')).not.toEqual(
      identify('Message-ID: <1@a>\r\n\r\nx'),
    )
  })
})
