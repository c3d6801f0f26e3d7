import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  encodeProxyVersion1,
  encodeProxyVersion2,
  parseProxyHeader,
} from '../../src/smtp/proxy-header.ts'
import { encodeClient, parseClient } from '../../src/smtp/xclient.ts'
import { decodeXtext, encodeXtext } from '../../src/smtp/xtext.ts'

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')

describe('xtext (RFC 3461 4)', () => {
  test('decodes what it encodes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (octets) => {
        const text = Buffer.from(octets).toString('latin1')
        expect(decodeXtext(encodeXtext(text))).toBe(text)
      }),
    )
  })
  test('is cut between characters', () => {
    expect(encodeXtext('a+b', 3)).toBe('a')
  })
  test.each(['a b', '+4', '+GG'])('%j is none', (text) => {
    expect(decodeXtext(text)).toBeUndefined()
  })
})

describe('XCLIENT', () => {
  const client = {
    helo: 'mail.example.net',
    protocol: 'ESMTP',
    name: 'host.example.net',
    address: '2001:db8::1',
    port: 2525,
  } as const

  test('HELO and PROTO first, NAME and ADDR last, only what was offered', () => {
    expect(encodeClient('XCLIENT', client, 'NAME ADDR PROTO HELO')).toEqual([
      'XCLIENT HELO=mail.example.net PROTO=ESMTP NAME=host.example.net ADDR=IPV6:2001:db8::1',
    ])
  })
  test('what is not known is said to be unavailable', () => {
    expect(encodeClient('XCLIENT', { address: '192.0.2.1' }, 'NAME ADDR LOGIN')).toEqual([
      'XCLIENT LOGIN=[UNAVAILABLE] NAME=[UNAVAILABLE] ADDR=192.0.2.1',
    ])
  })
  test('several commands when one would be over 512 octets', () => {
    const long = { ...client, helo: 'h'.repeat(255), name: 'n'.repeat(250) }
    const commands = encodeClient(
      'XCLIENT',
      long,
      'NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT',
    )
    expect(commands.length).toBeGreaterThan(1)
    for (const command of commands) expect(command.length + 2).toBeLessThanOrEqual(512)
    expect(commands.at(-1)).toContain('ADDR=')
  })
  test('reads what it writes', () => {
    const [command = ''] = encodeClient('XCLIENT', client, 'NAME ADDR PORT PROTO HELO')
    expect(parseClient(command.slice('XCLIENT '.length))).toEqual(client)
  })
  test.each([
    ['nothing', ''],
    ['an unknown attribute, so that nothing of the others counts', 'ADDR=203.0.113.9 BOGUS=1'],
    ['an attribute twice', 'ADDR=192.0.2.1 ADDR=192.0.2.2'],
    ['no IPv4 address', 'ADDR=192.0.2.256'],
    ['an IPv6 address without its prefix', 'ADDR=2001:db8::1'],
    ['an IPv6 address of nine groups', 'ADDR=IPV6:1:2:3:4:5:6:7:8:9'],
    ['an IPv6 address with two gaps', 'ADDR=IPV6:1::2::3'],
    ['an IPv6 address with a group of five digits', 'ADDR=IPV6:12345::'],
    ['an IPv6 address that ends in no IPv4 address', 'DESTADDR=IPV6:::1.2.3.999'],
    ['an IPv6 address with a zone', 'ADDR=IPV6:fe80::1%eth0'],
    ['a port that is none', 'PORT=70000'],
    ['an unknown protocol', 'PROTO=LMTP'],
    ['a control character', 'HELO=a+0D+0AMAIL'],
    ['no value', 'NAME='],
  ])('refuses %s', (_name, argument) => {
    expect(parseClient(argument)).toBeUndefined()
  })
  test('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseClient(text)))
  })
})

const addresses4 = {
  source: { address: '192.0.2.7', port: 40000 },
  destination: { address: '198.51.100.2', port: 25 },
}
const addresses6 = {
  source: { address: '2001:db8::7', port: 40000 },
  destination: { address: '::1', port: 25 },
}

describe('PROXY protocol', () => {
  test.each([
    ['version 1, IPv4', bytes(encodeProxyVersion1(addresses4)), addresses4],
    ['version 1, IPv6', bytes(encodeProxyVersion1(addresses6)), addresses6],
    ['version 2, IPv4', encodeProxyVersion2(addresses4), addresses4],
    ['version 2, IPv6', encodeProxyVersion2(addresses6), addresses6],
  ])('%s: whole, in pieces, and with octets behind it', (_name, header, addresses) => {
    expect(parseProxyHeader(header)).toEqual({ kind: 'proxied', bytes: header.length, addresses })
    for (let length = 0; length < header.length; length++) {
      expect(parseProxyHeader(header.subarray(0, length))).toEqual({ kind: 'incomplete' })
    }
    expect(parseProxyHeader(Buffer.concat([header, bytes('EHLO x\r\n')]))).toMatchObject({
      bytes: header.length,
    })
  })

  const version2 = (head: number[], body: Buffer): Buffer => {
    const length = Buffer.alloc(2)
    length.writeUInt16BE(body.length)
    return Buffer.concat([bytes('\r\n\r\n\0\r\nQUIT\n'), Buffer.from(head), length, body])
  }
  test.each([
    ['UNKNOWN keeps the connection’s own', bytes('PROXY UNKNOWN ff:ff whatever\r\n'), 'local'],
    ['LOCAL keeps the connection’s own', version2([0x20, 0x00], Buffer.alloc(0)), 'local'],
    ['a UNIX address has none for us', version2([0x21, 0x31], Buffer.alloc(216)), 'local'],
    [
      'TLVs are skipped',
      version2([0x21, 0x11], Buffer.concat([Buffer.alloc(12), bytes('\x04\0\x01x')])),
      'proxied',
    ],
    ['no header at all', bytes('EHLO client.example\r\n'), 'invalid'],
    ['leading zeros', bytes('PROXY TCP4 192.0.02.1 192.0.2.2 1 2\r\n'), 'invalid'],
    ['two blanks', bytes('PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n'), 'invalid'],
    ['a family that does not fit', bytes('PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n'), 'invalid'],
    ['a port over 65535', bytes('PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n'), 'invalid'],
    ['a line without end', bytes(`PROXY TCP4 ${'1'.repeat(200)}`), 'invalid'],
    ['too short for its family', version2([0x21, 0x21], Buffer.alloc(12)), 'invalid'],
    ['version 3', version2([0x31, 0x11], Buffer.alloc(12)), 'invalid'],
    ['an unknown command', version2([0x22, 0x11], Buffer.alloc(12)), 'invalid'],
    ['more TLVs than anyone needs', version2([0x21, 0x11], Buffer.alloc(60_000)), 'invalid'],
  ])('%s', (_name, data, kind) => {
    expect(parseProxyHeader(data).kind).toBe(kind)
  })

  test('whatever is called an address, the header that is written is one that can be read', () => {
    const text = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.string({ unit: 'binary' }),
      fc
        .array(fc.constantFrom(':', '::', '1', 'ffff', '12345', '1.2.3.4', '%eth0'), {
          maxLength: 12,
        })
        .map((p) => p.join('')),
    )
    const port = fc.nat(65_535)
    fc.assert(
      fc.property(fc.tuple(text, port), fc.tuple(text, port), ([from, fromPort], [to, toPort]) => {
        const ends = {
          source: { address: from, port: fromPort },
          destination: { address: to, port: toPort },
        }
        const ports = { source: { port: fromPort }, destination: { port: toPort } }
        const read = [
          parseProxyHeader(bytes(encodeProxyVersion1(ends))),
          parseProxyHeader(encodeProxyVersion2(ends)),
        ]
        for (const header of read)
          expect(header).toMatchObject({ kind: 'proxied', addresses: ports })
      }),
    )
  })

  test('never throws, and asks for more only within its limit', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (octets, signed) => {
        const data = Buffer.concat([
          signed ? bytes('\r\n\r\n\0\r\nQUIT\n') : Buffer.alloc(0),
          Buffer.from(octets),
        ])
        void parseProxyHeader(data)
      }),
    )
  })
})
