import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { octetsOf } from '../../src/smtp/octets.ts'
import { type ReportOrder, writeReport } from '../../src/dsn/report.ts'

const order: ReportOrder = {
  hostname: 'mx1.example.org',
  id: 'abc123',
  reversePath: 'shop@sender.example',
  at: Date.UTC(2026, 0, 2, 3, 4, 5),
  arrivedAt: Date.UTC(2026, 0, 2, 3, 4, 0),
  client: { helo: 'out.sender.example', address: '192.0.2.7' },
  messageId: '<m1@sender.example>',
  refusals: [
    {
      recipient: 'cho@example.org',
      reply: {
        code: 550,
        detail: '7.1',
        lines: ['<cho@example.org> refuses this message as spam'],
      },
    },
  ],
  original: {
    kind: 'header',
    octets: Buffer.from('From: <shop@sender.example>\r\nSubject: offer\r\n'),
  },
  international: false,
  eightBit: true,
}
const write = (differences: Partial<ReportOrder> = {}): string =>
  Buffer.concat(writeReport({ ...order, ...differences }).text).toString('utf8')

test('a whole report', () => {
  expect(write().split('\r\n')).toEqual([
    'Date: Fri, 02 Jan 2026 03:04:05 +0000',
    'From: Mail Delivery System <MAILER-DAEMON@mx1.example.org>',
    'To: <shop@sender.example>',
    'Message-ID: <abc123@mx1.example.org>',
    'In-Reply-To: <m1@sender.example>',
    'References: <m1@sender.example>',
    'Subject: Some recipients refused your message',
    'Auto-Submitted: auto-replied',
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=delivery-status;',
    '\tboundary="=_abc123"',
    'Content-Transfer-Encoding: 7bit',
    '',
    'This is a report of refused recipients in MIME format (RFC 3464).',
    '',
    '--=_abc123',
    'Content-Type: text/plain; charset=us-ascii',
    'Content-Transfer-Encoding: 7bit',
    '',
    'This is the mail system at mx1.example.org.',
    '',
    'Your message was taken for its other recipients. These refused it, and do not',
    'have it:',
    '',
    '<cho@example.org>',
    '    550 5.7.1 <cho@example.org> refuses this message as spam',
    '',
    'Nobody tries again for them. The status of each of them follows, and then the',
    "message's header section.",
    '',
    '--=_abc123',
    'Content-Type: message/delivery-status',
    '',
    'Reporting-MTA: dns; mx1.example.org',
    'Received-From-MTA: dns; out.sender.example ([192.0.2.7])',
    'Arrival-Date: Fri, 02 Jan 2026 03:04:00 +0000',
    '',
    'Final-Recipient: rfc822; cho@example.org',
    'Action: failed',
    'Status: 5.7.1',
    'Diagnostic-Code: smtp; 550 5.7.1 <cho@example.org> refuses this message as',
    '\tspam',
    '',
    '--=_abc123',
    'Content-Type: text/rfc822-headers',
    'Content-Transfer-Encoding: 7bit',
    '',
    'From: <shop@sender.example>',
    'Subject: offer',
    '',
    '--=_abc123--',
    '',
  ])
})

describe('the status of recipients', () => {
  test.each([
    [{ code: 550, detail: '1.1', lines: ['Unknown'] }, '5.1.1'],
    [{ code: 550, lines: ['5.7.26 Not signed'] }, '5.7.26'],
    [{ code: 554, lines: ['no'] }, '5.0.0'],
    [{ code: 550, lines: ['4.7.1 strange'] }, '5.0.0'],
  ] as const)('%j', (reply, status) => {
    expect(write({ refusals: [{ recipient: 'a@example.org', reply }] })).toContain(
      `\r\nStatus: ${status}\r\n`,
    )
  })

  test('each has a block of its own, with the original recipient where the sender gave one', () => {
    const reply = { code: 550, lines: ['5.7.1 no'] } as const
    const text = write({
      envelopeId: 'QQ314159+2Bx',
      refusals: [
        { recipient: 'a@example.org', originalRecipient: 'rfc822;ann+2Bshop@example.com', reply },
        { recipient: 'b@example.org', originalRecipient: 'broken', reply },
      ],
    })
    expect(text).toContain('\r\nOriginal-Envelope-Id: QQ314159+x\r\n')
    expect(text).toContain(
      '\r\n\r\nOriginal-Recipient: rfc822; ann+shop@example.com\r\nFinal-Recipient: rfc822; a@example.org\r\n',
    )
    expect(text).toContain('\r\n\r\nFinal-Recipient: rfc822; b@example.org\r\n')
  })
})

describe('what is returned', () => {
  const eightBitText = Buffer.from('Subject: sch\xf6n\r\n\r\nGr\xfc\xdfe', 'latin1')

  test('the whole text', () => {
    const text = write({
      original: { kind: 'text', octets: Buffer.from('A: b\r\n\r\nno end of line') },
    })
    expect(text).toContain(
      'Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\nA: b\r\n\r\nno end of line\r\n\r\n--=_abc123--\r\n',
    )
  })

  test('octets above 127 stay, and are declared', () => {
    const report = writeReport({ ...order, original: { kind: 'text', octets: eightBitText } })
    expect(report.eightBit).toBe(true)
    const text = Buffer.concat(report.text)
    expect(text.includes(eightBitText)).toBe(true)
    expect(text.toString('latin1').match(/Content-Transfer-Encoding: 8bit/g)).toHaveLength(2)
  })

  test('or become question marks, in a header section for a server that can not take them', () => {
    const report = writeReport({
      ...order,
      eightBit: false,
      original: { kind: 'header', octets: eightBitText },
    })
    expect(report.eightBit).toBe(false)
    const text = Buffer.concat(report.text)
    expect(text.toString()).toContain('Subject: sch?n\r\n')
    expect(text.every((octet) => octet < 128)).toBe(true)
  })
})

test('internationalized (RFC 6533)', () => {
  const report = writeReport({
    ...order,
    international: true,
    reversePath: 'laden@bücher.example',
    refusals: [
      {
        recipient: 'jürgen@example.org',
        originalRecipient: 'utf-8;j\\x{FC}rgen@example.com',
        reply: { code: 550, lines: ['5.7.1 no'] },
      },
    ],
  })
  expect(report.eightBit).toBe(true)
  const text = Buffer.concat(report.text).toString('utf8')
  for (const line of [
    'To: <laden@bücher.example>',
    'Content-Type: message/global-delivery-status',
    'Content-Type: message/global-headers',
    'Original-Recipient: utf-8; jürgen@example.com',
    'Final-Recipient: utf-8; jürgen@example.org',
  ])
    expect(text).toContain(`\r\n${line}\r\n`)
})

test('a recipient beyond ASCII is named in a report that is ASCII (RFC 6533 3)', () => {
  const text = write({
    eightBit: false,
    client: { helo: octetsOf('bücher.example'), address: '192.0.2.7' },
    refusals: [
      { recipient: 'voilà@example.org', reply: { code: 550, lines: [octetsOf('5.7.1 ungültig')] } },
      { recipient: '不💩\\@example.org', reply: { code: 550, lines: ['5.7.1 no'] } },
    ],
  })
  expect(text).toContain('\r\nFinal-Recipient: utf-8; voil\\x{E0}@example.org\r\n')
  expect(text).toContain('\r\nFinal-Recipient: utf-8; \\x{4E0D}\\x{1F4A9}\\x{5C}@example.org\r\n')
  expect(text).toContain('\r\nReceived-From-MTA: dns; b?cher.example ([192.0.2.7])\r\n')
  expect(text).toMatch(/^[\t\r\n -~]*$/)
})

test("the server's words are in it as they were meant, whichever way it writes them", () => {
  for (const words of [octetsOf('5.7.1 ungültig'), '5.7.1 ung\xfcltig'])
    expect(
      write({
        international: true,
        refusals: [{ recipient: 'a@b.test', reply: { code: 550, lines: [words] } }],
      }),
    ).toContain('\r\nDiagnostic-Code: smtp; 550 5.7.1 ungültig\r\n')
})

test('nobody else writes lines into it, and none is too long', () => {
  const any = fc.string({
    unit: fc.constantFrom('a', ' ', '\r', '\n', '\0', ':', '-', '=', '_', '.', 'ü', '\u2028', '>'),
  })
  fc.assert(
    fc.property(
      any,
      any,
      fc.boolean(),
      fc.integer({ min: 1, max: 2000 }),
      (one, other, international, times) => {
        const long = `${one}${other}`.repeat(times).slice(0, 5000)
        const text = write({
          international,
          reversePath: long,
          client: { helo: long, address: '2001:db8::1' },
          envelopeId: `+0D+0A--=_abc123${'a'.repeat(times)}`,
          messageId: other,
          refusals: [
            {
              recipient: long,
              originalRecipient: `rfc822;a+0D+0AX:y${'a'.repeat(times)}`,
              reply: { code: 550, lines: [long, one] },
            },
          ],
        })
        expect(text.split('\r\n').filter((line) => line.startsWith('--=_abc123'))).toHaveLength(4)
        expect(text.replaceAll('\r\n', '')).not.toMatch(/[\r\n\0]/)
        for (const line of text.split('\r\n')) expect(Buffer.byteLength(line)).toBeLessThan(998)
        expect(text.match(/^Final-Recipient:/gm)).toHaveLength(1)
      },
    ),
  )
})
