/**
 * IP addresses that are told from outside: by a proxy (PROXY, XCLIENT), by the kernel, by the
 * configuration. Whoever needs one asks here, so that what merely looks like an address gets no
 * further. Pure; a test compares it with what `node:net` says.
 */

export interface IpAddress {
  /** As it is written: `::ffff:192.0.2.1` is 6. */
  readonly version: 4 | 6
  /** 4 or 16. */
  readonly octets: readonly number[]
}

/** The longest form: IPv6 that ends in IPv4. */
const longest = 45

/**
 * Undefined for everything that is no address, also for one with a zone (`fe80::1%eth0`). Never
 * throws.
 */
export function parseIpAddress(text: string): IpAddress | undefined {
  if (text.length > longest) return undefined
  const octets = text.includes(':') ? parse6(text) : parse4(text)
  return octets && { version: octets.length === 4 ? 4 : 6, octets }
}

const decimal = /^(?:0|[1-9][0-9]{0,2})$/

function parse4(text: string): number[] | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => decimal.test(part) && Number(part) <= 255))
    return undefined
  return parts.map(Number)
}

function parse6(text: string): number[] | undefined {
  const [before = '', after, ...more] = text.split('::')
  if (more.length > 0) return undefined
  const head = groupsOf(before, after === undefined)
  const tail = groupsOf(after ?? '', true)
  if (head === undefined || tail === undefined) return undefined
  const missing = 16 - head.length - tail.length
  // `::` stands for one group at least.
  if (after === undefined ? missing !== 0 : missing < 2) return undefined
  return [...head, ...Array.from({ length: missing }, () => 0), ...tail]
}

const group = /^[0-9A-Fa-f]{1,4}$/

/**
 * The octets of what stands on one side of `::`; an IPv4 address may be the last part of the whole.
 */
function groupsOf(text: string, isEnd: boolean): number[] | undefined {
  if (text === '') return []
  const parts = text.split(':')
  const octets: number[] = []
  for (const [i, part] of parts.entries()) {
    const embedded =
      isEnd && i === parts.length - 1 && part.includes('.') ? parse4(part) : undefined
    if (embedded === undefined && !group.test(part)) return undefined
    const value = Number.parseInt(part, 16)
    octets.push(...(embedded ?? [value >> 8, value & 0xff]))
  }
  return octets
}

/** IPv4 that is written as IPv6 (RFC 4291 2.5.5.2). */
const mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]

/** The IPv4 address inside of a mapped one; every other address as it is. */
export function unmapped(address: IpAddress): IpAddress {
  const isMapped = address.version === 6 && mapped.every((octet, i) => octet === address.octets[i])
  return isMapped ? { version: 4, octets: address.octets.slice(12) } : address
}

/**
 * One text for each address, in which it can be compared: IPv6 as in RFC 5952, a mapped address as
 * IPv4.
 */
export function textOfIp(address: IpAddress): string {
  const { version, octets } = unmapped(address)
  if (version === 4) return octets.join('.')
  const groups = Array.from(
    { length: 8 },
    (_, i) => ((octets[2 * i] ?? 0) << 8) | (octets[2 * i + 1] ?? 0),
  )
  const [start, length] = longestRunOfZeros(groups)
  const hex = groups.map((value) => value.toString(16))
  if (length < 2) return hex.join(':')
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`
}

function longestRunOfZeros(groups: readonly number[]): readonly [start: number, length: number] {
  let longestRun: readonly [number, number] = [0, 0]
  let start = 0
  for (const [i, value] of groups.entries()) {
    if (value !== 0) start = i + 1
    else if (i + 1 - start > longestRun[1]) longestRun = [start, i + 1 - start]
  }
  return longestRun
}

/** The text of `textOfIp` for one that is told; undefined when it is no address. */
export function canonicalIp(text: string): string | undefined {
  const address = parseIpAddress(text)
  return address && textOfIp(address)
}
