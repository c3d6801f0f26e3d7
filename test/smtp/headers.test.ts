import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { octetsOf } from '../../src/smtp/octets.ts'
import { headerDate, receivedField, tagFields, type WrittenField } from '../../src/smtp/headers.ts'

const written = (...fields: readonly WrittenField[]): string =>
  fields.map(({ name, value }) => `${name}:${value}\r\n`).join('')

const trace = {
  helo: 'client.test',
  address: '192.0.2.1',
  hostname: 'mx.test',
  protocol: 'ESMTPS',
  id: 'x1',
  date: headerDate(0),
}

describe('headers that are put in front', () => {
  test.each([
    [0, 'Thu, 01 Jan 1970 00:00:00 +0000'],
    [999, 'Thu, 01 Jan 1970 00:00:00 +0000'],
    [1000, 'Thu, 01 Jan 1970 00:00:01 +0000'],
    [500, 'Thu, 01 Jan 1970 00:00:00 +0000'],
    [1_795_464_900_123, 'Mon, 23 Nov 2026 20:15:00 +0000'],
  ])('the date of %i (RFC 5322 3.3)', (at, date) => expect(headerDate(at)).toBe(date))

  test('Received (RFC 5321 4.4)', () => {
    expect(written(receivedField(trace))).toBe(
      'Received: from client.test ([192.0.2.1])\r\n\tby mx.test (Rcptwise) with ESMTPS id x1;\r\n\tThu, 01 Jan 1970 00:00:00 +0000\r\n',
    )
    expect(receivedField({ ...trace, address: '2001:db8::1' }).value).toContain(
      '([IPv6:2001:db8::1])',
    )
  })

  test.each([
    [
      'tag',
      { verdict: 'tag', score: 9.5, recipients: [] },
      'X-Spam-Flag: YES\r\nX-Spam-Score: 9.5\r\nX-Rcptwise-Verdict: tag\r\n',
    ],
    [
      'quarantine',
      { verdict: 'quarantine', score: 1 / 3, recipients: ['a@x.test', 'b@x.test'] },
      'X-Spam-Flag: YES\r\nX-Spam-Score: 0.333\r\nX-Rcptwise-Verdict: quarantine\r\nX-Rcptwise-Recipient: a@x.test\r\nX-Rcptwise-Recipient: b@x.test\r\n',
    ],
    [
      'quarantine of a recipient beyond ASCII, as it came',
      { verdict: 'quarantine', score: 7, recipients: [octetsOf('voilà@exämple.org')] },
      octetsOf(
        'X-Spam-Flag: YES\r\nX-Spam-Score: 7\r\nX-Rcptwise-Verdict: quarantine\r\nX-Rcptwise-Recipient: voilà@exämple.org\r\n',
      ),
    ],
  ] as const)('%s', (_name, tag, header) => expect(written(...tagFields(tag))).toBe(header))

  test('nobody writes header lines through them', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const received = written(
          receivedField({
            ...trace,
            helo: text,
            address: text,
            id: text,
            protocol: text,
          }),
        )
        expect(received.split('\r\n')).toHaveLength(4)
        expect(received).toMatch(/^[\x09\x0a\x0d\x20-\x7e]*$/)
        const tag = written(...tagFields({ verdict: 'quarantine', score: 1, recipients: [text] }))
        expect(tag).toMatch(/^(?:X-[A-Za-z-]+: [\t\x20-\x7e\x80-\xff]*\r\n){4}$/)
      }),
    )
  })
})
