/** PROXY headers of both versions: octets of whoever connects, before anything else is known. */
import { isIP } from 'node:net'
import {
  encodeProxyVersion1,
  encodeProxyVersion2,
  parseProxyHeader,
  type ProxiedAddresses,
  type ProxyHeader,
  proxyVersion2Local,
} from '../../src/smtp/proxy-header.ts'
import type { Random } from '../support/random.ts'
import { type Fuzzer, holds, same } from './fuzzer.ts'
import { anything, octetsOf, perhapsSpoiled } from './octets.ts'

export const ipv4 = (random: Random): string =>
  Array.from({ length: 4 }, () => random.pick([0, 1, 9, 10, 127, 192, 254, 255])).join('.')

export function ipv6(random: Random): string {
  const groups = Array.from({ length: 8 }, () =>
    random.pick(['0', '0', '1', 'ff', '2001', 'db8', 'ffff']),
  )
  const text = groups.join(':')
  const run = /(?:^|:)0(?::0)+(?:$|:)/.exec(text)
  return run === null ? text : text.replace(run[0], '::')
}

function addressesOf(random: Random): ProxiedAddresses {
  const address = random.chance(0.5) ? ipv4 : ipv6
  const end = (): { address: string; port: number } => ({
    address: address(random),
    port: random.pick([0, 25, 1024, 65_535]),
  })
  return { source: end(), destination: end() }
}

/** As the kernel compares them: one spelling an address, and IPv4 in IPv6 is IPv4. */
export function canonical(address: string): string {
  if (isIP(address) !== 6) return address
  const text = new URL(`http://[${address}]`).hostname
  const [, high, low] = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(text) ?? []
  if (high === undefined || low === undefined) return text
  const [one, other] = [Number.parseInt(high, 16), Number.parseInt(low, 16)]
  return [one >> 8, one & 255, other >> 8, other & 255].join('.')
}

function once(random: Random): void {
  const addresses = addressesOf(random)
  const right = random.chance(0.5)
    ? octetsOf(encodeProxyVersion1(addresses))
    : encodeProxyVersion2(addresses)
  const behind = octetsOf(random.pick(['', 'EHLO x\r\n', '\0']))
  const parsed = parseProxyHeader(Buffer.concat([right, behind]))
  holds(
    parsed.kind === 'proxied' && parsed.bytes === right.length,
    'a header that we write is read, and nothing behind it',
    { addresses, parsed },
  )
  const plain = ({ source, destination }: ProxiedAddresses): unknown => [
    canonical(source.address),
    source.port,
    canonical(destination.address),
    destination.port,
  ]
  same(plain(parsed.addresses), plain(addresses), 'with the same addresses', addresses)
  const wrong = random.chance(0.1)
    ? anything(random, 150)
    : perhapsSpoiled(
        random,
        random.chance(0.1) ? proxyVersion2Local.toString('latin1') : right.toString('latin1'),
        1,
      )
  const octets = octetsOf(wrong)
  const found = parseProxyHeader(octets)
  sane(found, octets)
  // Octet by octet it asks for more until it knows, and then knows the same.
  for (let length = 0; length < Math.min(octets.length, 250); length++) {
    const early = parseProxyHeader(octets.subarray(0, length))
    if (early.kind === 'incomplete') continue
    same(early, found, 'once it is known it stays so, whatever follows', wrong)
    return
  }
}

function sane(found: ProxyHeader, octets: Buffer): void {
  if (found.kind === 'incomplete')
    holds(octets.length < 16 + 65_536, 'it does not ask for more for ever', octets)
  if (found.kind !== 'proxied' && found.kind !== 'local') return
  holds(found.bytes <= octets.length, 'no more octets are taken than there are', { found, octets })
  if (found.kind !== 'proxied') return
  for (const { address, port } of [found.addresses.source, found.addresses.destination])
    holds(
      isIP(address) !== 0 && port >= 0 && port <= 65_535,
      'an address that is told is one',
      found,
    )
}

export const proxy: Fuzzer = { name: 'proxy', once }
