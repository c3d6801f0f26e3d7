/** Addresses as limits count them: the network is the /24 of IPv4 and the /64 of IPv6. */
import { isIPv6 } from 'node:net'
import { canonicalIp, parseIpAddress, unmapped } from '../smtp/ip-address.ts'

/** Empty for what is no address. */
export function networkOf(address: string): string {
  const parsed = parseIpAddress(withoutZone(address))
  if (parsed === undefined) return ''
  const { version, octets } = unmapped(parsed)
  if (version === 4) return octets.slice(0, 3).join('.')
  return [0, 2, 4, 6]
    .map((i) => (((octets[i] ?? 0) << 8) | (octets[i + 1] ?? 0)).toString(16))
    .join(':')
}

const withoutZone = (address: string): string => address.split('%', 1)[0] ?? ''

/**
 * An address as the kernel tells it, in the form in which all compare it: `::ffff:192.0.2.1` is
 * 192.0.2.1, and the zone of `fe80::1%eth0` is ours alone.
 */
export function plainAddress(address: string): string {
  const bare = withoutZone(address)
  return canonicalIp(bare) ?? bare
}

/**
 * Whom rates are counted for: an IPv4 address, or the /64 of an IPv6 address, of which one host may
 * use all.
 */
export const clientKey = (address: string): string =>
  isIPv6(address) ? networkOf(address) : address
