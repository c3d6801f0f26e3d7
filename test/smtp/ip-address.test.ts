import { isIP } from 'node:net'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalIp, parseIpAddress } from '../../src/smtp/ip-address.ts'
import { runs } from '../support/properties.ts'

/** Texts that are addresses, nearly addresses, and anything. */
const nearlyAddress = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc
    .array(
      fc.constantFrom(
        '::',
        ':',
        '.',
        '0',
        '1',
        '00',
        'ffff',
        'FFFF',
        '10000',
        '255',
        '256',
        '1.2.3.4',
        'g',
        '%1',
        ' ',
      ),
      {
        maxLength: 18,
      },
    )
    .map((pieces) => pieces.join('')),
  fc.string({ unit: 'binary', maxLength: 60 }),
)
const withoutZone = (text: string): string => text.replace(/%.*/s, '%')

describe('parseIpAddress', () => {
  test('knows the same addresses as node:net, but for those with a zone', () => {
    fc.assert(
      fc.property(nearlyAddress, (drawn) => {
        const text = withoutZone(drawn)
        expect(parseIpAddress(text)?.version ?? 0).toBe(isIP(text))
      }),
      { numRuns: runs(20_000) },
    )
  })

  test('the text of an address is an address, the same one, and the same text again', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
        const text = canonicalIp(address) ?? ''
        expect(isIP(text)).toBeGreaterThan(0)
        expect(canonicalIp(text)).toBe(text)
        if (isIP(address) === isIP(text))
          expect(parseIpAddress(text)).toEqual(parseIpAddress(address))
      }),
    )
  })

  test.each([
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:0:0:2:3:0:0:4', '1::2:3:0:0:4'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:0201', '192.0.2.1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ])('RFC 5952: %s is %s', (written, text) => expect(canonicalIp(written)).toBe(text))

  test.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '1.2.3.256',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    '::12345',
    '1.2.3.4::',
    'fe80::1%eth0',
    ':::',
    ':1',
    '1:',
  ])('no address: %s', (text) => expect(canonicalIp(text)).toBeUndefined())
})
