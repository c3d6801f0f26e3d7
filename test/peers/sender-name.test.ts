/** Under which name a sender is learned. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { senderName } from '../../src/peers/sender-name.ts'

test.each<[string, string | undefined, string]>([
  ['192.0.2.7', undefined, '192.0.2.0/24'],
  ['2001:db8:0:1:2::7', undefined, '2001:db8:0:1::/64'],
  ['192.0.2.7', 'mail-yw1-f171.google.com', 'google.com'],
  ['192.0.2.7', 'OUT3.Mail.Example.CO.UK.', 'example.co.uk'],
  ['192.0.2.7', 'smtp.customer.github.io', 'customer.github.io'],
  ['192.0.2.7', 'localhost', '192.0.2.0/24'],
  // Names that providers make of addresses: strangers share their domain.
  ['192.0.2.7', 'ec2-192-0-2-7.compute-1.provider.example', '192.0.2.0/24'],
  ['192.0.2.7', '7.2.0.192.dsl.provider.example', '192.0.2.0/24'],
  ['192.0.2.7', 'host-7-2-0.provider.example', '192.0.2.0/24'],
  ['192.0.2.7', 'c0000207.provider.example', '192.0.2.0/24'],
  ['192.0.2.7', '192000002007.provider.example', '192.0.2.0/24'],
  ['2001:db8::abcd:1234', 'x-abcd-1234.provider.example', '2001:db8:0:0::/64'],
  ['2001:db8::abcd:1234', 'mx.provider.example', 'provider.example'],
  // A number that only looks like a part of it.
  ['192.0.2.7', 'mx27.example.net', 'example.net'],
])(
  "%s %s is %s: strategies.md: “One sender is the registered domain of the client's verified host name” “Without such a name, the sender is the network, /24 or /64.” “The same holds where the name only tells the address”",
  (address, rdns, name) => {
    expect(senderName(rdns === undefined ? { address } : { address, rdns })).toBe(name)
  },
)

test('any name gives some name', () => {
  fc.assert(
    fc.property(fc.string(), fc.ipV4(), (rdns, address) => {
      expect(senderName({ address, rdns })).not.toBe('')
    }),
  )
})
