import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ledgerKey, nullPath, parseAnyPath, parsePath } from '../../src/smtp/path.ts'
import { runs } from '../support/properties.ts'

/** As on the wire. */
const utf8 = (text: string): string => Buffer.from(text).toString('latin1')

describe('parsePath (RFC 5321 4.1.2)', () => {
  test.each([
    [
      'plain',
      '<user@example.org>',
      { mailbox: 'user@example.org', address: 'user@example.org', domain: 'example.org' },
    ],
    [
      'domain in upper case',
      '<User@EXAMPLE.Org>',
      { mailbox: 'User@EXAMPLE.Org', address: 'User@example.org' },
    ],
    [
      'final dot of a domain',
      '<a@example.org.>',
      { mailbox: 'a@example.org.', address: 'a@example.org', domain: 'example.org' },
    ],
    ['without brackets', 'user@example.org', { mailbox: 'user@example.org' }],
    ['blank before the bracket', ' <a@b.test>', { mailbox: 'a@b.test' }],
    [
      'source route is ignored (appendix C)',
      '<@one.test,@two.test:a@b.test>',
      { mailbox: 'a@b.test', address: 'a@b.test' },
    ],
    [
      'postmaster alone (4.5.1)',
      '<PostMaster>',
      { mailbox: 'PostMaster', address: 'postmaster', domain: '' },
    ],
    [
      'quoted local part with blank and @',
      '<"a b@c"@example.org>',
      { mailbox: '"a b@c"@example.org', domain: 'example.org' },
    ],
    ['quoted bracket', '<"a>b"@example.org>', { mailbox: '"a>b"@example.org' }],
    ['escaped quote', '<"a\\"b"@example.org>', { mailbox: '"a\\"b"@example.org' }],
    ['IPv4 literal', '<a@[192.0.2.1]>', { mailbox: 'a@[192.0.2.1]', domain: '[192.0.2.1]' }],
    ['IPv6 literal', '<a@[IPv6:2001:db8::1]>', { domain: '[ipv6:2001:db8::1]' }],
    ['a sender without a domain', '<root>', { mailbox: 'root', address: 'root', domain: '' }],
    ['TAB before the bracket', '\t<a@b.test>\t', { mailbox: 'a@b.test' }],
    ['detail', '<a+b=c@example.org>', { address: 'a+b=c@example.org' }],
    ['underscore in a host name', '<a@my_host.test>', { domain: 'my_host.test' }],
    [
      'UTF-8',
      `<${utf8('jörg@exämple.org')}>`,
      {
        mailbox: utf8('jörg@exämple.org'),
        address: 'jörg@xn--exmple-cua.org',
        domain: 'xn--exmple-cua.org',
        international: true,
      },
    ],
    [
      'a local part with the octet A0',
      `<${utf8('voilà')}@example.org>`,
      { mailbox: utf8('voilà@example.org'), address: 'voilà@example.org', international: false },
    ],
    [
      'every octet of UTF-8 in a local part',
      `<${utf8('\u0085\u00a0\u2003\u2028\u3000\ufeff💩')}@example.org>`,
      { address: '\u0085\u00a0\u2003\u2028\u3000\ufeff💩@example.org' },
    ],
    [
      'U-label in NFD and upper case',
      `<a@${utf8('EXA\u0308MPLE.org.')}>`,
      { address: 'a@xn--exmple-cua.org' },
    ],
    ['A-label', '<a@XN--EXMPLE-CUA.org>', { address: 'a@xn--exmple-cua.org' }],
  ] as const)('%s', (_name, text, path) => expect(parsePath(text)?.path).toMatchObject(path))

  test('a source route of thousands of hops costs no more than its length, whether it ends or not', () => {
    const hops = '@a,'.repeat(4000)
    expect(parsePath(`<${hops}@a:a@b.test>`)?.path.mailbox).toBe('a@b.test')
    expect(parsePath(`<${hops}@a>`)).toBeUndefined()
    expect(parsePath(`<${hops}>`)).toBeUndefined()
  })

  test('the null reverse-path', () => expect(parsePath('<>')).toEqual({ path: nullPath, rest: '' }))
  test('what follows is left', () => {
    expect(parsePath('<a@b.test>  SIZE=1 PRDR ')?.rest).toBe('SIZE=1 PRDR')
    expect(parsePath('<a@b.test>\tSIZE=1\tENVID=\xc3\xa0')?.rest).toBe('SIZE=1\tENVID=\xc3\xa0')
  })

  test.each([
    ['nothing', ''],
    ['no closing bracket', '<a@b.test'],
    ['no domain, and no plain local part', '<a b>'],
    ['quotes without a domain', '<"a">'],
    ['a source route alone', '<@one.test>'],
    ['no local part', '<@example.org>'],
    ['no domain', '<a@>'],
    ['two at', '<a@b@c.test>'],
    ['blank in the local part', '<a b@example.org>'],
    ['parenthesis', '<a(b)@example.org>'],
    ['bracket in the local part', '<a<b@example.org>'],
    ['quote that does not end', '<"a@example.org>'],
    ['domain that begins with a dot', '<a@.example.org>'],
    ['domain that begins with a hyphen', '<a@-example.org>'],
    ['slash in the domain', '<a@../../etc>'],
    ['literal that does not end', '<a@[192.0.2.1>'],
    ['parameters that stick to it', '<a@b.test>SIZE=1'],
    ['NUL', '<a\0@b.test>'],
    ['CR', '<a\r@b.test>'],
    ['LF', '<"a\nRCPT TO:<b"@c.test>'],
    ['tab', '<"a\tb"@c.test>'],
    ['not UTF-8', '<a\xff@example.org>'],
    ['no-break space in Latin-1', '<a\xa0b@example.org>'],
    ['domain that IDNA does not know', `<a@${utf8('\ufffd')}.test>`],
    ['UTF-8 cut short', '<a\xc3@example.org>'],
  ])('refuses: %s', (_name, text) => expect(parsePath(text)).toBeUndefined())

  test('never throws, and gives no octet that could end or add a command', () => {
    const piece = fc.constantFrom(
      '<',
      '>',
      '"',
      '\\',
      '@',
      'a',
      '.',
      ' ',
      ':',
      ',',
      '[',
      ']',
      '\r',
      '\n',
      '\0',
      '\xc3',
      '\xb6',
      'postmaster',
    )
    const text = fc.oneof(
      fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join('')),
      fc.string({ unit: 'binary' }),
    )
    fc.assert(
      fc.property(text, (drawn) => {
        const parsed = parsePath(drawn)
        if (parsed === undefined) return
        expect(parsed.path.mailbox).not.toMatch(/[\x00-\x1f\x7f]/)
        // What goes on to the backend is read there as the same path.
        expect(parsePath(`<${parsed.path.mailbox}>`)).toEqual({ path: parsed.path, rest: '' })
      }),
      { numRuns: runs(5000) },
    )
  })

  test('a usual path with any octet at any place is read as any other is', () => {
    const usual = '<a.b+c@ab-c.example.org> SIZE=1 PRDR'
    const different: string[] = []
    for (let code = 0; code < 256; code++)
      for (let at = 0; at <= usual.length; at++) {
        const [before, behind] = [usual.slice(0, at), String.fromCharCode(code) + usual.slice(at)]
        for (const text of [before + behind, before + behind.slice(0, 1) + behind.slice(2)])
          if (!isDeepStrictEqual(parsePath(text), parseAnyPath(text))) different.push(text)
      }
    expect(different).toEqual([])
  })

  test('a usual path is read as any other is', () => {
    const octet = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code))
    const local = fc.oneof(
      fc.constantFrom('user', 'a.b+c', '-', "o'hara", '~!#$%&*/=?^_`{|}'),
      octet,
    )
    const domain = fc.oneof(
      fc.constantFrom('example.org', 'b', 'a-b_c.test', 'xn--exmple-cua.org', '-'),
      octet,
    )
    const rest = fc.oneof(
      fc.constantFrom('', ' ', ' SIZE=100 BODY=8BITMIME', '\tPRDR\t', 'x', '> a@b>'),
      octet,
    )
    const path = fc
      .tuple(
        fc.constantFrom('<', ' <', ''),
        local,
        fc.constantFrom('@', ''),
        domain,
        octet,
        fc.constantFrom('>', ''),
        rest,
      )
      .map(([open, user, at, host, odd, close, behind]) => [
        `${open}${user}${at}${host}${close}${behind}`,
        `${open}${user}${odd}${at}${host}${close}${behind}`,
        `${open}${user}${at}${host}${odd}${close}${behind}`,
        `${open}${user}${at}${odd}${host}${close}${behind}`,
        `${open}${user}${at}${host}${close} ${behind}${odd}`,
      ])
    fc.assert(
      fc.property(path, (texts) => {
        for (const text of texts) expect(parsePath(text)).toEqual(parseAnyPath(text))
      }),
      { numRuns: runs(20_000) },
    )
  })

  test('two mailboxes of different octets never share an address, but for the case and final dot of the domain', () => {
    const local = fc
      .array(fc.constantFrom('a', 'B', '\xc3\xb6', '\xff', '\xef\xbf\xbd', '.'), {
        minLength: 1,
        maxLength: 4,
      })
      .map((p) => p.join(''))
    fc.assert(
      fc.property(local, local, (one, two) => {
        const [a, b] = [parsePath(`<${one}@x.test>`), parsePath(`<${two}@x.test>`)]
        if (a !== undefined && b !== undefined && one !== two)
          expect(a.path.address).not.toBe(b.path.address)
      }),
    )
  })
})

test('the ledger tells the case of a local part, and not the spelling of a domain', () => {
  const key = (text: string): string | undefined => {
    const path = parsePath(text)?.path
    return path === undefined ? undefined : ledgerKey(path)
  }
  expect(key('<User@Example.org>')).toBe('User@example.org')
  expect(key('<user@example.org.>')).toBe('user@example.org')
  expect(key(`<user@${utf8('EXÄMPLE.org')}>`)).toBe(key('<user@xn--exmple-cua.org>'))
})
