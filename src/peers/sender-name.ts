/**
 * Under which name a sender is learned: the registered domain of its verified host name, since big
 * senders retry from other hosts (senders: Exchange Online, Gmail); else its network. Never
 * anything of the message: who forges an address learns for himself.
 */
import { getDomain } from 'tldts'
import { isIPv6 } from 'node:net'
import { networkOf } from './network.ts'

/** Under a private suffix such as `github.io` each name is an organisation of its own. */
const options = { allowPrivateDomains: true, validateHostname: false }

export interface SenderHost {
  readonly address: string
  /** Leads back to the address. */
  readonly rdns?: string | undefined
}

/** Such as `example.net`, `192.0.2.0/24` or `2001:db8:0:1::/64`. */
export function senderName({ address, rdns }: SenderHost): string {
  const name = rdns?.toLowerCase().replace(/\.$/, '')
  const domain = name === undefined || tellsAddress(name, address) ? null : getDomain(name, options)
  return domain ?? networkName(address)
}

export const networkName = (address: string): string =>
  isIPv6(address) ? `${networkOf(address)}::/64` : `${networkOf(address)}.0/24`

/**
 * Providers make names of addresses (`ec2-192-0-2-1.compute.example`): such a name's domain has
 * strangers behind it. The numbers stand in a row, forwards or backwards, all or the last three, or
 * as digits without anything between.
 */
function tellsAddress(name: string, address: string): boolean {
  if (isIPv6(address)) {
    const groups = address
      .toLowerCase()
      .split(':')
      .filter((group) => group.length > 1)
    return groups.length > 0 && groups.slice(-2).every((group) => name.includes(group))
  }
  const octets = address.split('.').map(Number)
  const numbers = ` ${(name.match(/\d+/g) ?? []).map(Number).join(' ')} `
  const rows = [octets, octets.toReversed(), octets.slice(1), octets.slice(1).toReversed()]
  if (rows.some((row) => numbers.includes(` ${row.join(' ')} `))) return true
  const digits = [
    octets.map((octet) => octet.toString(16).padStart(2, '0')),
    octets.map((octet) => String(octet).padStart(3, '0')),
  ]
  return digits.some((row) => name.includes(row.join('')))
}
