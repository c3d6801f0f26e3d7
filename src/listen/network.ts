/** Addresses as limits count them: the network is the /24 of IPv4 and the /64 of IPv6. */
import { isIPv6 } from 'node:net'

export function networkOf(address: string): string {
  if (!address.includes(':')) return address.slice(0, Math.max(0, address.lastIndexOf('.')))
  const [head = '', tail = ''] = (address.split('%')[0] ?? '').split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === '' ? [] : tail.split(':')
  const zeros = address.includes('::')
    ? Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0')
    : []
  return [...before, ...zeros, ...after]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')
}

/** Whom rates are counted for: an IPv4 address, or the /64 of an IPv6 address, of which one host may use all. */
export const clientKey = (address: string): string => (isIPv6(address) ? networkOf(address) : address)
