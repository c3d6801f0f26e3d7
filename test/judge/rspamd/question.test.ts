import fc from 'fast-check'
import { validateHeaderValue } from 'node:http'
import { describe, expect, it } from 'vitest'
import {
  type Asked,
  longestValue,
  questionOf,
  recipientOctets,
} from '../../../src/judge/rspamd/question.ts'

const asked: Asked = {
  clientAddress: '192.0.2.1',
  clientName: 'mx.example.net',
  helo: 'mx.example.net',
  reversePath: 'ann@example.net',
  recipients: ['bob@example.org', '"a, b"@example.org'],
  user: 'ann',
  tls: { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' },
  hostname: 'mx1.example.org',
  transaction: 'S1.1',
}

describe('what rspamd is asked', () => {
  it('says all that is known, and to run all rules', () => {
    expect(questionOf(asked)).toEqual({
      leftOut: [],
      fields: [
        ['Pass', 'all'],
        ['From', '<ann@example.net>'],
        ['Rcpt', '<bob@example.org>'],
        ['Rcpt', '<"a, b"@example.org>'],
        ['IP', '192.0.2.1'],
        ['Hostname', 'mx.example.net'],
        ['Helo', 'mx.example.net'],
        ['User', 'ann'],
        ['TLS-Version', 'TLSv1.3'],
        ['TLS-Cipher', 'TLS_AES_256_GCM_SHA384'],
        ['MTA-Name', 'mx1.example.org'],
        ['Queue-ID', 'S1.1'],
      ],
    })
  })

  it('of a report the sender is empty, and what is not known is not said', () => {
    const { fields } = questionOf({
      clientAddress: '2001:db8::1',
      reversePath: '',
      recipients: ['bob@example.org'],
      hostname: 'mx1.example.org',
      transaction: 'S1.2',
    })
    expect(fields.map(([name]) => name)).toEqual([
      'Pass',
      'From',
      'Rcpt',
      'IP',
      'MTA-Name',
      'Queue-ID',
    ])
    expect(fields[1]).toEqual(['From', '<>'])
  })

  it.each([
    ['a line end', 'a\r\nIP: 127.0.0.1'],
    ['a bare LF', 'a\nb'],
    ['NUL', 'a\0b'],
    ['DEL', 'a\x7fb'],
    ['what is no octet', 'a\u4e0d'],
    ['far too much', 'x'.repeat(longestValue + 1)],
    ['nothing', ''],
  ])('a HELO with %s is left out, and named', (_name, helo) => {
    const { fields, leftOut } = questionOf({ ...asked, helo })
    expect(leftOut).toEqual(['Helo'])
    expect(fields.some(([name]) => name === 'Helo')).toBe(false)
  })

  it('SMTPUTF8 addresses go as their octets', () => {
    const { fields } = questionOf({ ...asked, reversePath: 'j\xc3\xbcrgen@example.net' })
    expect(fields[1]).toEqual(['From', '<j\xc3\xbcrgen@example.net>'])
  })

  it('so many recipients as fit', () => {
    const recipients = Array.from({ length: 5000 }, (_, i) => `user${i}@example.org`)
    const { fields } = questionOf({ ...asked, recipients })
    const octets = fields.reduce((sum, [name, value]) => sum + name.length + value.length, 0)
    expect(octets).toBeLessThan(recipientOctets + 2000)
    expect(fields.filter(([name]) => name === 'Rcpt').length).toBeGreaterThan(1000)
  })

  it('property: whatever a client says, HTTP can say it, and rspamd is never told a file', () => {
    const text = fc.string({ unit: 'binary', maxLength: 40 })
    fc.assert(
      fc.property(text, text, fc.array(text, { maxLength: 5 }), (helo, reversePath, recipients) => {
        for (const [name, value] of questionOf({ ...asked, helo, reversePath, recipients })
          .fields) {
          expect(() => validateHeaderValue(name, value)).not.toThrow()
          expect(name).not.toMatch(/^(?:file|path|shm)/i)
        }
      }),
    )
  })
})
