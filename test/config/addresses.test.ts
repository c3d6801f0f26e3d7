import { isIPv4 } from 'node:net'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  isLoopback,
  parseDomainPattern,
  parseMailAddress,
  parseListenAddress,
  parseRange,
  parseServer,
  rangeSet,
} from '../../src/config/addresses.ts'
import { runs } from '../support/properties.ts'

describe('where to listen', () => {
  test.each([
    ['0.0.0.0:25', '0.0.0.0', 25],
    ['127.0.0.1:2525', '127.0.0.1', 2525],
    ['127.0.0.1:0', '127.0.0.1', 0],
    ['[::1]:25', '::1', 25],
    ['[::]:465', '::', 465],
    ['localhost:2525', 'localhost', 2525],
    ['mx1.example.org:25', 'mx1.example.org', 25],
  ])('%s', (text, host, port) => {
    expect(parseListenAddress(text)).toEqual({ ok: true, value: { host, port } })
  })

  test.each([
    ['25', 'write 0.0.0.0:25 for all IPv4 addresses, [::]:25 for all addresses'],
    [':25', 'write 0.0.0.0:25 for all IPv4 addresses, [::]:25 for all addresses'],
    ['::1', 'write an IPv6 address in brackets, then a colon and the port'],
    ['127.0.0.1', 'add the port: "127.0.0.1:25"'],
    ['', undefined],
    ['127.0.0.1:65536', undefined],
    ['127.0.0.1:-1', undefined],
    ['127.0.0.256:25', undefined],
    ['127.1:25', undefined],
    ['[127.0.0.1]:25', undefined],
    ['[fe80::1%eth0]:25', undefined],
    ['a b:25', undefined],
    ['-x:25', undefined],
  ])('%j is none', (text, hint) => {
    const parsed = parseListenAddress(text)
    expect(parsed).toMatchObject({ ok: false })
    expect(parsed.ok ? '' : parsed.hint).toBe(hint)
  })
})

describe('servers', () => {
  const smtps = { kind: 'smtp', implicitTls: true }
  const lmtp = { kind: 'smtp', lmtp: true }
  const socket = (socketPath: string) => ({
    ...lmtp,
    host: 'localhost',
    port: 0,
    url: `lmtp+unix://${socketPath}`,
    socketPath,
  })
  test.each([
    ['smtp://10.0.0.5:25', { kind: 'smtp', host: '10.0.0.5', port: 25, url: 'smtp://10.0.0.5:25' }],
    ['smtp://10.0.0.5', { kind: 'smtp', host: '10.0.0.5', port: 25, url: 'smtp://10.0.0.5:25' }],
    [
      'smtp://mail.example.org:10025/',
      {
        kind: 'smtp',
        host: 'mail.example.org',
        port: 10_025,
        url: 'smtp://mail.example.org:10025',
      },
    ],
    ['smtp://[::1]:25', { kind: 'smtp', host: '::1', port: 25, url: 'smtp://[::1]:25' }],
    [
      'smtps://mail.example.org',
      { ...smtps, host: 'mail.example.org', port: 465, url: 'smtps://mail.example.org:465' },
    ],
    ['smtps://[::1]:4465/', { ...smtps, host: '::1', port: 4465, url: 'smtps://[::1]:4465' }],
    ['lmtp://10.0.0.5', { ...lmtp, host: '10.0.0.5', port: 24, url: 'lmtp://10.0.0.5:24' }],
    ['LMTP://[::1]:2424', { ...lmtp, host: '::1', port: 2424, url: 'lmtp://[::1]:2424' }],
    ['lmtp+unix:///run/dovecot/lmtp', socket('/run/dovecot/lmtp')],
    [`lmtp+unix:///${'s'.repeat(106)}`, socket(`/${'s'.repeat(106)}`)],
    ['sink:mail', { kind: 'sink', directory: 'mail', url: 'sink:mail' }],
    ['sink:/var/tmp/a b', { kind: 'sink', directory: '/var/tmp/a b', url: 'sink:/var/tmp/a b' }],
  ])('%s', (text, value) => {
    expect(parseServer(text)).toEqual({ ok: true, value })
  })

  test.each([
    '',
    'sink:',
    'smtp://',
    'smtp://:25',
    'smtp://h:0',
    'smtp://u:p@h:25',
    'smtp://h:25/x',
    'http://h',
    'lmtp://h:25',
    'lmtps://h:24',
    'constructor://h:24',
    'lmtp+unix://run/lmtp',
    'lmtp+unix:///run/lmtp/',
    'lmtp+unix:///run/a\nb',
    `lmtp+unix:///${'s'.repeat(107)}`,
    'h:25',
  ])('%j is none', (text) => {
    expect(parseServer(text)).toMatchObject({ ok: false })
  })
})

describe('ranges', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1/32'],
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['192.0.2.128/25', '192.0.2.128/25'],
    ['::1', '::1/128'],
    ['2001:db8::/32', '2001:db8::/32'],
    ['2001:db8:0:8000::/49', '2001:db8:0:8000::/49'],
    ['::/0', '::/0'],
    ['::ffff:192.0.2.0/120', '192.0.2.0/24'],
    ['2001:DB8:0::/32', '2001:db8::/32'],
  ])('%s', (text, value) => {
    expect(parseRange(text)).toEqual({ ok: true, value })
  })

  test.each([
    '',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/',
    '10.0.0/8',
    '10.1.0.0/8',
    '192.0.2.128/24',
    '2001:db8::1/32',
    '2001:db8:0:8000::/48',
    'fe80::1%eth0',
    'example.org',
    '::ffff:192.0.2.1/120',
  ])('%j is none', (text) => {
    expect(parseRange(text)).toMatchObject({ ok: false })
  })

  const address = fc.oneof(fc.ipV4(), fc.ipV6()).filter((text) => text !== '')

  test('a single address is in its own range, and in no set without it', () => {
    fc.assert(
      fc.property(address, (text) => {
        const parsed = parseRange(text)
        if (!parsed.ok) throw new Error(`${text}: expected ${parsed.expected}`)
        const family = isIPv4(text) ? 'ipv4' : 'ipv6'
        expect(rangeSet([parsed.value]).check(text, family)).toBe(true)
        expect(rangeSet([]).check(text, family)).toBe(false)
      }),
    )
  })

  test('what is read can be put into a set', () => {
    fc.assert(
      fc.property(address, fc.nat(140), (text, length) => {
        const parsed = parseRange(`${text}/${length}`)
        if (parsed.ok)
          expect(rangeSet([parsed.value]).check(text, isIPv4(text) ? 'ipv4' : 'ipv6')).toBe(true)
      }),
    )
  })
})

describe('domains', () => {
  test.each([
    ['example.org', 'example.org'],
    ['Example.ORG.', 'example.org'],
    ['*.Example.org', '*.example.org'],
    ['localhost', 'localhost'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['*.BU\u0308CHER.example.', '*.xn--bcher-kva.example'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['_dmarc.example.org', '_dmarc.example.org'],
  ])('%s', (text, value) => {
    expect(parseDomainPattern(text)).toEqual({ ok: true, value })
  })

  test.each([
    '',
    '*',
    '*.',
    '.org',
    'a..b',
    '*.*.org',
    'mail*.example.org',
    'a b',
    'user@example.org',
    '[192.0.2.1]',
    '-a.org',
    'x'.repeat(64),
  ])('%j is none', (text) => {
    expect(parseDomainPattern(text)).toMatchObject({ ok: false })
  })
})

describe('mail addresses', () => {
  test.each([
    ['spam@example.org', 'spam@example.org'],
    ['Spam@Example.ORG.', 'Spam@example.org'],
    ['voilà@exämple.org', 'voilà@xn--exmple-cua.org'],
    ['"spam box"@example.org', '"spam box"@example.org'],
  ])('%s', (text, value) => expect(parseMailAddress(text)).toEqual({ ok: true, value }))
  test.each([
    '',
    'spam',
    '@example.org',
    'a@b@example.org',
    'a@example.org>',
    'a@example.org SIZE=1',
    'a\r\n@example.org',
    'postmaster',
  ])('%j is none', (text) =>
    expect(parseMailAddress(text)).toEqual({ ok: false, expected: 'a mail address' }),
  )
})

test.each(['127.0.0.1', '127.9.9.9', '::1', 'localhost'])('%s is this host', (host) => {
  expect(isLoopback(host)).toBe(true)
})

test.each(['0.0.0.0', '::', '10.0.0.1', '127.example.org', 'mx1.example.org'])(
  '%s can be reached by others',
  (host) => {
    expect(isLoopback(host)).toBe(false)
  },
)

test.each([
  ['parseListenAddress', parseListenAddress],
  ['parseServer', parseServer],
  ['parseRange', parseRange],
  ['parseDomainPattern', parseDomainPattern],
  ['parseMailAddress', parseMailAddress],
])('%s gives a value or says what was expected, whatever it gets', (_, parse) => {
  const likely = fc.stringMatching(/^[0-9a-f:./[\]*]{0,30}$/)
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), likely), (text) => {
      const parsed = parse(text)
      if (!parsed.ok) expect(parsed.expected).not.toBe('')
    }),
    { numRuns: runs(500) },
  )
})
