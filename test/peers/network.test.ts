import { isIP } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { networkOf, plainAddress } from '../../src/peers/network.ts'

test.each([
  ['::ffff:192.0.2.1', '192.0.2.1', '192.0.2'],
  ['192.0.2.1', '192.0.2.1', '192.0.2'],
  ['2001:DB8::7', '2001:db8::7', '2001:db8:0:0'],
  ['fe80::1%eth0', 'fe80::1', 'fe80:0:0:0'],
  ['', '', ''],
])('the kernel’s %j is the address %j in the network %j', (told, address, network) => {
  expect(plainAddress(told)).toBe(address)
  expect(networkOf(told)).toBe(network)
})

test('one address has one text and one network, however it is written', () => {
  fc.assert(
    fc.property(fc.ipV6(), (address) => {
      const plain = plainAddress(address)
      expect(isIP(plain)).toBeGreaterThan(0)
      expect(plainAddress(plain.toUpperCase())).toBe(plain)
      expect(networkOf(plain)).toBe(networkOf(address))
    }),
  )
})
