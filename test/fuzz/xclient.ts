/** XCLIENT as a proxy says it, and XCLIENT and XFORWARD as we say them. */
import { isIP } from 'node:net'
import { encodeProxyVersion2 } from '../../src/smtp/proxy-header.ts'
import { type ClientAttributes, encodeClient, parseClient } from '../../src/smtp/xclient.ts'
import type { Random } from '../support/random.ts'
import { type Fuzzer, holds, same } from './fuzzer.ts'
import { anything, perhapsSpoiled } from './octets.ts'
import { canonical, ipv4, ipv6 } from './proxy.ts'

const all = 'NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT'
const names = ['mx.example.org', '[192.0.2.1]', 'a b', 'x+y', 'x=y', '\xff', 'a\tb'] as const

function client(random: Random): ClientAttributes {
  const address = (): string => (random.chance(0.5) ? ipv4(random) : ipv6(random))
  const some = <T>(value: T): T | undefined => (random.chance(0.7) ? value : undefined)
  const picked = {
    name: some(random.pick(names)),
    address: some(address()),
    port: some(random.pick([0, 25, 65_535])),
    helo: some(random.pick(names)),
    protocol: some(random.pick(['SMTP', 'ESMTP'] as const)),
    destinationAddress: some(address()),
    destinationPort: some(random.pick([25, 587])),
    login: some(random.pick(names)),
  }
  return Object.fromEntries(Object.entries(picked).filter(([, value]) => value !== undefined))
}

function once(random: Random): void {
  const given = client(random)
  const commands = encodeClient(random.pick(['XCLIENT', 'XFORWARD']), given, all)
  for (const command of commands) {
    holds(command.length + 2 <= 512, 'a command fits into 512 octets', { given, command })
    holds(
      /^X(?:CLIENT|FORWARD)(?: [A-Z]+=[\x21-\x7e]+)+$/.test(command),
      'a command is one line of printable octets',
      {
        given,
        command,
      },
    )
  }
  const argument = commands.map((command) => command.slice(command.indexOf(' ') + 1)).join(' ')
  const read = parseClient(argument)
  const readable = !Object.values(given).some(
    (value) => typeof value === 'string' && /[\x00-\x1f\x7f]/.test(value),
  )
  if (readable && read !== undefined)
    same(
      Object.entries(read).map(normal).sort(),
      Object.entries(given).map(normal).sort(),
      'what we say of a client is read as the same',
      given,
    )
  const wrong = random.chance(0.1) ? anything(random, 200) : perhapsSpoiled(random, argument, 1)
  const found = parseClient(wrong)
  if (found === undefined) return
  for (const [name, value] of Object.entries<unknown>({ ...found }))
    holds(
      typeof value === 'number' || (value !== '' && !/[\x00-\x1f\x7f]/.test(String(value))),
      'a value is printable',
      { wrong, name, value },
    )
  for (const address of [found.address, found.destinationAddress])
    if (address !== undefined)
      holds(isIP(address) !== 0, 'an address that is believed is one', { wrong, address })
  if (found.address !== undefined)
    encodeProxyVersion2({
      source: { address: found.address, port: 1 },
      destination: { address: '192.0.2.1', port: 25 },
    })
}

const normal = ([name, value]: [string, unknown]): unknown => [
  name,
  typeof value === 'string' && isIP(value) !== 0 ? canonical(value) : value,
]

export const xclient: Fuzzer = { name: 'xclient', once }
