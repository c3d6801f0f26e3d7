/**
 * XCLIENT and XFORWARD (Postfix XCLIENT_README, XFORWARD_README): telling a server who the client
 * is. Codec only: who may say so is decided elsewhere. Every attribute is parsed before any is
 * used.
 */
import { parseIpAddress, textOfIp } from './ip-address.ts'
import { decodeXtext, encodeXtext } from './xtext.ts'

/** What is known of a client; absent means unavailable. */
export interface ClientAttributes {
  /** Verified host name. */
  readonly name?: string
  readonly address?: string
  readonly port?: number
  readonly helo?: string
  readonly protocol?: 'SMTP' | 'ESMTP'
  readonly destinationAddress?: string
  readonly destinationPort?: number
  readonly login?: string
}

type Attribute = 'NAME' | 'ADDR' | 'PORT' | 'PROTO' | 'HELO' | 'LOGIN' | 'DESTADDR' | 'DESTPORT'

/**
 * HELO and PROTO first, NAME and ADDR last: after ADDR the right to say more may be gone
 * (XCLIENT_README).
 */
const order: readonly Attribute[] = [
  'HELO',
  'PROTO',
  'LOGIN',
  'DESTADDR',
  'DESTPORT',
  'PORT',
  'NAME',
  'ADDR',
]

const maxCommandBytes = 512
const maxValueBytes = 255

/** `IPV6:` in front of IPv6 addresses, no brackets. */
const encodeAddress = (address: string): string =>
  address.includes(':') ? `IPV6:${address}` : address

function valueOf(client: ClientAttributes, attribute: Attribute): string | undefined {
  switch (attribute) {
    case 'NAME':
      return client.name
    case 'ADDR':
      return client.address === undefined ? undefined : encodeAddress(client.address)
    case 'PORT':
      return client.port?.toString()
    case 'PROTO':
      return client.protocol
    case 'HELO':
      return client.helo
    case 'LOGIN':
      return client.login
    case 'DESTADDR':
      return client.destinationAddress === undefined
        ? undefined
        : encodeAddress(client.destinationAddress)
    case 'DESTPORT':
      return client.destinationPort?.toString()
  }
}

/**
 * The commands that tell `client`, as few as fit into 512 octets each. Only attributes that the
 * server names in EHLO (`offered`, the parameters of its XCLIENT or XFORWARD keyword) are sent;
 * what is not known is said to be `[UNAVAILABLE]`, so that nothing of an earlier client on the same
 * connection stays.
 */
export function encodeClient(
  verb: 'XCLIENT' | 'XFORWARD',
  client: ClientAttributes,
  offered: string,
): string[] {
  const names = new Set(offered.toUpperCase().split(' '))
  const commands: string[] = []
  let line: string = verb
  for (const attribute of order) {
    if (!names.has(attribute)) continue
    const value = valueOf(client, attribute)
    const word = ` ${attribute}=${value === undefined || value === '' ? '[UNAVAILABLE]' : encodeXtext(value, maxValueBytes)}`
    if (line.length + word.length + 2 > maxCommandBytes) {
      commands.push(line)
      line = verb
    }
    line += word
  }
  if (line !== verb) commands.push(line)
  return commands
}

const known: ReadonlySet<string> = new Set<Attribute>(order)

/**
 * Reads the attributes of an XCLIENT command; undefined when anything in it is wrong, so that half
 * of it is never in force.
 */
export function parseClient(argument: string): ClientAttributes | undefined {
  const values = new Map<string, string | undefined>()
  for (const word of argument.split(' ')) {
    if (word === '') continue
    const equals = word.indexOf('=')
    const name = word.slice(0, equals).toUpperCase()
    if (equals < 1 || !known.has(name) || values.has(name)) return undefined
    const raw = word.slice(equals + 1)
    const value = decodeXtext(raw)
    if (
      value === undefined ||
      value === '' ||
      raw.length > maxValueBytes ||
      /[\x00-\x1f\x7f]/.test(value)
    )
      return undefined
    const unavailable =
      value.toUpperCase() === '[UNAVAILABLE]' || value.toUpperCase() === '[TEMPUNAVAIL]'
    values.set(name, unavailable ? undefined : value)
  }
  return values.size === 0 ? undefined : build(values)
}

function build(values: ReadonlyMap<string, string | undefined>): ClientAttributes | undefined {
  const attributes: { -readonly [Key in keyof ClientAttributes]: ClientAttributes[Key] } = {}
  for (const [name, value] of values) {
    if (value === undefined) continue
    switch (name) {
      case 'NAME':
        attributes.name = value
        break
      case 'HELO':
        attributes.helo = value
        break
      case 'LOGIN':
        attributes.login = value
        break
      case 'ADDR':
      case 'DESTADDR': {
        const address = parseAddress(value)
        if (address === undefined) return undefined
        if (name === 'ADDR') attributes.address = address
        else attributes.destinationAddress = address
        break
      }
      case 'PORT':
      case 'DESTPORT': {
        if (!/^[0-9]{1,5}$/.test(value) || Number(value) > 65_535) return undefined
        if (name === 'PORT') attributes.port = Number(value)
        else attributes.destinationPort = Number(value)
        break
      }
      case 'PROTO': {
        const protocol = value.toUpperCase()
        if (protocol !== 'SMTP' && protocol !== 'ESMTP') return undefined
        attributes.protocol = protocol
        break
      }
    }
  }
  return attributes
}

/** IPv6 is told behind `IPV6:`, IPv4 alone. */
function parseAddress(value: string): string | undefined {
  const six = /^ipv6:/i.test(value)
  const address = parseIpAddress(six ? value.slice(5) : value)
  return address?.version === (six ? 6 : 4) ? textOfIp(address) : undefined
}
