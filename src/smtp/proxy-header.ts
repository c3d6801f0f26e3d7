/**
 * The PROXY protocol, versions 1 and 2 (haproxy: doc/proxy-protocol.txt): codec only. Whether a header is expected is decided by where
 * a connection comes from, never by looking at what it says.
 */

import { printable, toOctets } from './octets.ts'

export interface ProxiedAddresses {
  readonly source: { readonly address: string; readonly port: number }
  readonly destination: { readonly address: string; readonly port: number }
}

export type ProxyHeader =
  /** More octets are needed. */
  | { readonly kind: 'incomplete' }
  /** No header where one has to be, or one that breaks the rules: the connection has to be closed. */
  | { readonly kind: 'invalid' }
  /** LOCAL, UNKNOWN or an address family that is not TCP: the connection's own addresses stay. */
  | { readonly kind: 'local'; readonly bytes: number }
  | { readonly kind: 'proxied'; readonly bytes: number; readonly addresses: ProxiedAddresses }

const signature = toOctets('\r\n\r\n\0\r\nQUIT\n')
const version1 = Buffer.from('PROXY ')
/** Version 1, CRLF included (section 2.1). */
const maxVersion1Bytes = 107
/** Version 2 with its TLVs: more than any known sender needs. */
const maxVersion2Bytes = 16 + 4096

const incomplete: ProxyHeader = { kind: 'incomplete' }
const invalid: ProxyHeader = { kind: 'invalid' }

/** Reads the header at the start of `data`. Never throws; asks for more only while more could make it valid. */
export function parseProxyHeader(data: Buffer): ProxyHeader {
  if (startsLike(data, signature)) return data.length < 16 ? incomplete : parseVersion2(data)
  if (startsLike(data, version1)) return parseVersion1(data)
  return invalid
}

function startsLike(data: Buffer, start: Buffer): boolean {
  const length = Math.min(data.length, start.length)
  return data.subarray(0, length).equals(start.subarray(0, length))
}

const line1 = /^PROXY (TCP4|TCP6) ([0-9A-Fa-f.:]{2,45}) ([0-9A-Fa-f.:]{2,45}) (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4})$/

function parseVersion1(data: Buffer): ProxyHeader {
  const end = data.indexOf('\r\n')
  if (end === -1) return data.length >= maxVersion1Bytes ? invalid : incomplete
  if (end + 2 > maxVersion1Bytes) return invalid
  const line = data.toString('latin1', 0, end)
  const bytes = end + 2
  if (/^PROXY UNKNOWN(?: |$)/.test(line)) return { kind: 'local', bytes }
  const match = line1.exec(line)
  const [, family, from = '', to = '', fromPort, toPort] = match ?? []
  if (match === null || Number(fromPort) > 65_535 || Number(toPort) > 65_535) return invalid
  const fits = family === 'TCP4' ? isIPv4 : isIPv6
  if (!fits(from) || !fits(to)) return invalid
  const plain = (address: string): string => address.toLowerCase().replace(/^::ffff:(?=.*\.)/, '')
  return {
    kind: 'proxied',
    bytes,
    addresses: {
      source: { address: plain(from), port: Number(fromPort) },
      destination: { address: plain(to), port: Number(toPort) },
    },
  }
}

const octet = '(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])'
const isIPv4 = (text: string): boolean => new RegExp(`^${octet}(?:\\.${octet}){3}$`).test(text)

function isIPv6(text: string): boolean {
  const mapped = /^::ffff:([0-9.]+)$/i.exec(text)?.[1]
  if (mapped !== undefined) return isIPv4(mapped)
  const halves = text.split('::')
  if (halves.length > 2 || !/^[0-9A-Fa-f:]+$/.test(text)) return false
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')))
  if (!groups.every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group))) return false
  return halves.length === 2 ? groups.length < 8 : groups.length === 8
}

function parseVersion2(data: Buffer): ProxyHeader {
  const versionAndCommand = data.readUInt8(12)
  const family = data.readUInt8(13)
  const bytes = 16 + data.readUInt16BE(14)
  if (versionAndCommand >> 4 !== 2 || bytes > maxVersion2Bytes) return invalid
  const command = versionAndCommand & 0x0f
  if (command > 1) return invalid
  if (data.length < bytes) return incomplete
  if (command === 0) return { kind: 'local', bytes }
  // Unknown TLVs behind the addresses are skipped; what is not TCP over IP has no address for us.
  if (family === 0x11 && bytes >= 16 + 12) return { kind: 'proxied', bytes, addresses: addresses4(data) }
  if (family === 0x21 && bytes >= 16 + 36) return { kind: 'proxied', bytes, addresses: addresses6(data) }
  return family === 0x11 || family === 0x21 ? invalid : { kind: 'local', bytes }
}

function addresses4(data: Buffer): ProxiedAddresses {
  return {
    source: { address: data.subarray(16, 20).join('.'), port: data.readUInt16BE(24) },
    destination: { address: data.subarray(20, 24).join('.'), port: data.readUInt16BE(26) },
  }
}

function addresses6(data: Buffer): ProxiedAddresses {
  return {
    source: { address: textOf6(data.subarray(16, 32)), port: data.readUInt16BE(48) },
    destination: { address: textOf6(data.subarray(32, 48)), port: data.readUInt16BE(50) },
  }
}

/** RFC 5952: lower case, the longest run of zero groups as `::`; IPv4-mapped addresses as IPv4. */
function textOf6(octets: Buffer): string {
  if (octets.subarray(0, 10).every((value) => value === 0) && octets.readUInt16BE(10) === 0xffff)
    return octets.subarray(12).join('.')
  const groups = Array.from({ length: 8 }, (_, i) => octets.readUInt16BE(i * 2).toString(16))
  const text = groups.join(':')
  const runs = [...text.matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)].map((match) => match[0])
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), '')
  if (longest === '') return text
  const at = text.indexOf(longest)
  return `${text.slice(0, at)}::${text.slice(at + longest.length).replace(/^:/, '')}`
}

/** The header of version 2 for a TCP connection; both addresses are of one family. */
export function encodeProxyVersion2(addresses: ProxiedAddresses): Buffer {
  const { source, destination } = addresses
  const six = source.address.includes(':') || destination.address.includes(':')
  const encode = six ? octetsOf6 : octetsOf4
  const ports = Buffer.alloc(4)
  ports.writeUInt16BE(source.port, 0)
  ports.writeUInt16BE(destination.port, 2)
  const body = Buffer.concat([encode(source.address), encode(destination.address), ports])
  const head = Buffer.from([0x21, six ? 0x21 : 0x11, 0, 0])
  head.writeUInt16BE(body.length, 2)
  return Buffer.concat([signature, head, body])
}

/** Version 2 without addresses: the proxy speaks for itself. */
export const proxyVersion2Local = Buffer.concat([signature, Buffer.from([0x20, 0, 0, 0])])

/** The header of version 1. */
export function encodeProxyVersion1({ source, destination }: ProxiedAddresses): string {
  const six = source.address.includes(':') || destination.address.includes(':')
  const text = (address: string): string => (six && !address.includes(':') ? `::ffff:${address}` : address)
  const words = `PROXY ${six ? 'TCP6' : 'TCP4'} ${text(source.address)} ${text(destination.address)} ${source.port} ${destination.port}`
  return `${printable(words)}\r\n`
}

const octetsOf4 = (address: string): Buffer => Buffer.from(address.split('.').map(Number))

function octetsOf6(address: string): Buffer {
  if (!address.includes(':')) return Buffer.concat([Buffer.alloc(10), Buffer.from([0xff, 0xff]), octetsOf4(address)])
  const [left = '', right] = address.split('::')
  const groups = (text: string | undefined): number[] =>
    text === undefined || text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
  const [before, after] = [groups(left), groups(right)]
  const octets = Buffer.alloc(16)
  const all = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after]
  all.forEach((group, i) => octets.writeUInt16BE(group, i * 2))
  return octets
}
