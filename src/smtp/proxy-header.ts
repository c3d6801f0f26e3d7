/**
 * The PROXY protocol, versions 1 and 2 (haproxy: doc/proxy-protocol.txt): codec only. Whether a
 * header is expected is decided by where a connection comes from, never by looking at what it says.
 */
import { type IpAddress, parseIpAddress, textOfIp, unmapped } from './ip-address.ts'

import { printable, toOctets } from './octets.ts'

export interface ProxiedAddresses {
  readonly source: { readonly address: string; readonly port: number }
  readonly destination: { readonly address: string; readonly port: number }
}

export type ProxyHeader =
  /** More octets are needed. */
  | { readonly kind: 'incomplete' }
  /**
   * No header where one has to be, or one that breaks the rules: the connection has to be closed.
   */
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

/**
 * Reads the header at the start of `data`. Never throws; asks for more only while more could make
 * it valid.
 */
export function parseProxyHeader(data: Buffer): ProxyHeader {
  if (startsLike(data, signature)) return data.length < 16 ? incomplete : parseVersion2(data)
  if (startsLike(data, version1)) return parseVersion1(data)
  return invalid
}

function startsLike(data: Buffer, start: Buffer): boolean {
  const length = Math.min(data.length, start.length)
  return data.subarray(0, length).equals(start.subarray(0, length))
}

const line1 =
  /^PROXY (TCP4|TCP6) ([0-9A-Fa-f.:]{2,45}) ([0-9A-Fa-f.:]{2,45}) (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4})$/

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
  const version = family === 'TCP4' ? 4 : 6
  const [source, destination] = [parseIpAddress(from), parseIpAddress(to)]
  if (source?.version !== version || destination?.version !== version) return invalid
  return {
    kind: 'proxied',
    bytes,
    addresses: {
      source: { address: textOfIp(source), port: Number(fromPort) },
      destination: { address: textOfIp(destination), port: Number(toPort) },
    },
  }
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
  if (family === 0x11 && bytes >= 16 + 12)
    return { kind: 'proxied', bytes, addresses: addresses4(data) }
  if (family === 0x21 && bytes >= 16 + 36)
    return { kind: 'proxied', bytes, addresses: addresses6(data) }
  return family === 0x11 || family === 0x21 ? invalid : { kind: 'local', bytes }
}

const textOf = (octets: Buffer): string =>
  textOfIp({ version: octets.length === 4 ? 4 : 6, octets: [...octets] })

function addresses4(data: Buffer): ProxiedAddresses {
  return {
    source: { address: textOf(data.subarray(16, 20)), port: data.readUInt16BE(24) },
    destination: { address: textOf(data.subarray(20, 24)), port: data.readUInt16BE(26) },
  }
}

function addresses6(data: Buffer): ProxiedAddresses {
  return {
    source: { address: textOf(data.subarray(16, 32)), port: data.readUInt16BE(48) },
    destination: { address: textOf(data.subarray(32, 48)), port: data.readUInt16BE(50) },
  }
}

/** In place of what is no address: one of nobody (RFC 5737), which no server trusts. */
const nobody: IpAddress = { version: 4, octets: [192, 0, 2, 1] }

interface Ends {
  readonly source: IpAddress
  readonly destination: IpAddress
  readonly version: 4 | 6
}

/** Both in one family: IPv4 beside IPv6 is written as IPv6. */
function endsOf({ source, destination }: ProxiedAddresses): Ends {
  const from = unmapped(parseIpAddress(source.address) ?? nobody)
  const to = unmapped(parseIpAddress(destination.address) ?? nobody)
  return { source: from, destination: to, version: from.version === 6 || to.version === 6 ? 6 : 4 }
}

const mappedPrefix = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]

/** The header of version 2 for a TCP connection. */
export function encodeProxyVersion2(addresses: ProxiedAddresses): Buffer {
  const { source, destination, version } = endsOf(addresses)
  const octetsOf = (address: IpAddress): Buffer =>
    Buffer.from(
      version === 6 && address.version === 4
        ? [...mappedPrefix, ...address.octets]
        : address.octets,
    )
  const ports = Buffer.alloc(4)
  ports.writeUInt16BE(addresses.source.port, 0)
  ports.writeUInt16BE(addresses.destination.port, 2)
  const body = Buffer.concat([octetsOf(source), octetsOf(destination), ports])
  const head = Buffer.from([0x21, version === 6 ? 0x21 : 0x11, 0, 0])
  head.writeUInt16BE(body.length, 2)
  return Buffer.concat([signature, head, body])
}

/** Version 2 without addresses: the proxy speaks for itself. */
export const proxyVersion2Local = Buffer.concat([signature, Buffer.from([0x20, 0, 0, 0])])

/** The header of version 1. */
export function encodeProxyVersion1(addresses: ProxiedAddresses): string {
  const { source, destination, version } = endsOf(addresses)
  const text = (address: IpAddress): string =>
    `${version === 6 && address.version === 4 ? '::ffff:' : ''}${textOfIp(address)}`
  const words = `PROXY TCP${version} ${text(source)} ${text(destination)} ${addresses.source.port} ${addresses.destination.port}`
  return `${printable(words)}\r\n`
}
