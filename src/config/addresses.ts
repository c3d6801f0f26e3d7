/**
 * The configuration's notation for places on the network: where to listen, which server to hand
 * mail to, ranges of addresses, domains. Nothing here throws. Pure: `BlockList` computes, it opens
 * nothing.
 */
import { canonicalPattern } from '../smtp/domain.ts'
import { BlockList } from 'node:net'
import { octetsOf } from '../smtp/octets.ts'
import { parsePath } from '../smtp/path.ts'
import type { ListenAddress, ServerAddress } from './config.ts'
import { parseIpAddress, textOfIp, unmapped } from '../smtp/ip-address.ts'
import type { Parsed } from './units.ts'

const listenExpected = 'an address and a port such as 0.0.0.0:25, [::1]:25 or localhost:2525'
const hostName = /^[a-z0-9][a-z0-9-]*(\.[a-z0-9-]+)*\.?$/i

/** A number and dots only: a mistyped IPv4 address, which must not be looked up as a name. */
const looksLikeIPv4 = /^[\d.]+$/

function parseHost(text: string): string | undefined {
  const bracketed = /^\[([0-9a-fA-F:.]+)\]$/.exec(text)
  if (bracketed !== null)
    return parseIpAddress(bracketed[1] ?? '')?.version === 6 ? bracketed[1] : undefined
  if (parseIpAddress(text)?.version === 4) return text
  return text.length <= 253 &&
    hostName.test(text) &&
    text.split('.').every((label) => label.length <= 63) &&
    !looksLikeIPv4.test(text)
    ? text
    : undefined
}

function parsePort(text: string, lowest: number): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : -1
  return port >= lowest && port <= 65_535 ? port : undefined
}

/** `0.0.0.0:25`, `[::1]:25`, `localhost:2525`; port 0 takes any free port. */
export function parseListenAddress(text: string): Parsed<ListenAddress> {
  const colon = text.lastIndexOf(':')
  const host = parseHost(text.slice(0, Math.max(colon, 0)))
  const port = parsePort(text.slice(colon + 1), 0)
  if (colon > 0 && host !== undefined && port !== undefined)
    return { ok: true, value: { host, port } }
  return { ok: false, expected: listenExpected, ...listenHint(text) }
}

function listenHint(text: string): { readonly hint?: string } {
  if (/^:?\d{1,5}$/.test(text)) {
    const port = text.replace(':', '')
    return { hint: `write 0.0.0.0:${port} for all IPv4 addresses, [::]:${port} for all addresses` }
  }
  if (parseIpAddress(text)?.version === 6)
    return { hint: 'write an IPv6 address in brackets, then a colon and the port' }
  if (parseHost(text) !== undefined) return { hint: `add the port: "${text}:25"` }
  return {}
}

const serverExpected =
  'smtp://host:port, smtps://host:port, mx://domain, lmtp://host:port, lmtp+unix:///path or sink:DIRECTORY'

type ServerTraits = Pick<Extract<ServerAddress, { kind: 'smtp' }>, 'implicitTls' | 'lmtp' | 'mx'>

/**
 * RFC 5321 4.5.4.2; RFC 8314 7.3; LMTP has no port of its own, and 24 is what Dovecot's documents
 * use.
 */
const schemes: ReadonlyMap<string, { readonly port: string; readonly traits: ServerTraits }> =
  new Map([
    ['smtp', { port: '25', traits: {} }],
    ['smtps', { port: '465', traits: { implicitTls: true } }],
    ['mx', { port: '25', traits: { mx: true } }],
    ['lmtp', { port: '24', traits: { lmtp: true } }],
  ])

/**
 * `smtp://host[:port]` (port 25 unless given), `smtps://host[:port]` (465, TLS from the first
 * octet), `mx://domain[:port]` (the hosts of its MX records), `lmtp://host[:port]` (24),
 * `lmtp+unix:///path` (a socket's file) or `sink:DIRECTORY` (the embedded Maildir; the directory as
 * written).
 */
export function parseServer(text: string): Parsed<ServerAddress> {
  const sink = /^sink:(.+)$/.exec(text)
  if (sink !== null)
    return { ok: true, value: { kind: 'sink', directory: sink[1] ?? '', url: text } }
  if (/^lmtp\+unix:/i.test(text)) return parseSocket(text)
  const parts = /^([a-z]+):\/\/(\[[^\]]*\]|[^:/[\]]+)(?::(\d+))?\/?$/i.exec(text)
  const name = parts?.[1]?.toLowerCase() ?? ''
  const scheme = schemes.get(name)
  const host = parseHost(parts?.[2] ?? '')
  const port = parsePort(parts?.[3] ?? scheme?.port ?? '', 1)
  if (scheme === undefined || host === undefined || port === undefined) {
    const bare = parseListenAddress(text)
    return {
      ok: false,
      expected: serverExpected,
      ...(bare.ok && { hint: `did you mean "smtp://${text}"?` }),
    }
  }
  const place = `${parts?.[2] ?? ''}:${port}`
  if (scheme.traits.mx === true && parseIpAddress(host) !== undefined)
    return {
      ok: false,
      expected: serverExpected,
      hint: `an address has no MX records; did you mean "smtp://${place}"?`,
    }
  if (scheme.traits.lmtp === true && port === 25)
    return {
      ok: false,
      expected: serverExpected,
      hint: `port 25 is SMTP's (RFC 2033 5); did you mean "smtp://${place}"?`,
    }
  return {
    ok: true,
    value: { kind: 'smtp', host, port, url: `${name}://${place}`, ...scheme.traits },
  }
}

/** What a socket's address has room for, in octets (unix(7): sun_path). */
const longestSocketPath = 107

function parseSocket(text: string): Parsed<ServerAddress> {
  const socketPath = /^lmtp\+unix:\/\/(\/[^\0-\x1f]*[^/\0-\x1f])$/i.exec(text)?.[1]
  if (socketPath === undefined)
    return {
      ok: false,
      expected: serverExpected,
      hint: 'write the whole path behind lmtp+unix://, as in lmtp+unix:///run/dovecot/lmtp',
    }
  if (Buffer.byteLength(socketPath) > longestSocketPath)
    return {
      ok: false,
      expected: serverExpected,
      hint: `the path of a socket has ${longestSocketPath} octets at most`,
    }
  return {
    ok: true,
    value: {
      kind: 'smtp',
      host: 'localhost',
      port: 0,
      url: `lmtp+unix://${socketPath}`,
      lmtp: true,
      socketPath,
    },
  }
}

const rangeExpected = 'an address or a range such as 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32'

/**
 * An address range in CIDR form; a single address gets the full length. A range with bits set
 * behind its length is refused, because one of the two numbers is then a mistake.
 */
export function parseRange(text: string): Parsed<string> {
  const parts = /^([0-9a-fA-F:.]{2,45})(?:\/(\d{1,3}))?$/.exec(text)
  const written = parts?.[1] ?? ''
  const address = parseIpAddress(written)
  const bits = address?.version === 4 ? 32 : 128
  const length = parts?.[2] === undefined ? bits : Number(parts[2])
  if (address === undefined || length > bits) return { ok: false, expected: rangeExpected }
  if (!startsRange(address.octets, length)) {
    return {
      ok: false,
      expected: rangeExpected,
      hint: `${written} is inside a /${length}, not its first address`,
    }
  }
  // A range of IPv4 that is written as IPv6 is one of IPv4: so the addresses of clients are
  // compared. Its first 96 bits are never all behind its length.
  const prefix = unmapped(address).version === address.version ? 0 : 96
  return { ok: true, value: `${textOfIp(address)}/${length - prefix}` }
}

/** True when no bit of the address is set behind `length`. */
const startsRange = (octets: readonly number[], length: number): boolean =>
  octets.every((octet, i) => {
    const kept = Math.min(Math.max(length - i * 8, 0), 8)
    return (octet & (0xff >> kept)) === 0
  })

/** The ranges as a set that answers quickly whether an address is inside. */
export function rangeSet(ranges: readonly string[]): BlockList {
  const set = new BlockList()
  for (const range of ranges) {
    const [address = '', length = ''] = range.split('/')
    set.addSubnet(address, Number(length), address.includes(':') ? 'ipv6' : 'ipv4')
  }
  return set
}

/** True for addresses that only this host can reach. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' ||
  host === '::1' ||
  (host.startsWith('127.') && parseIpAddress(host) !== undefined)

const domainExpected = 'a domain such as example.org, or *.example.org for any host below it'
const label = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$/

const isInDns = (domain: string): boolean =>
  domain.length <= 253 && domain.split('.').every((part) => part.length <= 63 && label.test(part))

/** A domain, or `*.` and a domain for any host below it; comes back in its canonical spelling. */
export function parseDomainPattern(text: string): Parsed<string> {
  const value = canonicalPattern(text)
  if (value !== undefined && isInDns(value.replace(/^\*\./, ''))) return { ok: true, value }
  const at = text.lastIndexOf('@')
  const hint = at < 0 ? {} : { hint: `leave out "${text.slice(0, at + 1)}"` }
  return { ok: false, expected: domainExpected, ...hint }
}

/**
 * A mail address, as Unicode; its domain comes back in its canonical spelling, so that it needs no
 * SMTPUTF8.
 */
export function parseMailAddress(text: string): Parsed<string> {
  const parsed = parsePath(`<${octetsOf(text)}>`)
  if (parsed === undefined || parsed.rest !== '' || parsed.path.domain === '')
    return { ok: false, expected: 'a mail address' }
  return { ok: true, value: parsed.path.address }
}

/** The file of a socket behind `scheme+unix://`; undefined when it is none. */
function socketFile(scheme: string, text: string): Parsed<string> | undefined {
  const start = `${scheme}+unix:`
  if (text.slice(0, start.length).toLowerCase() !== start) return undefined
  const path = /^\/\/(\/[^\0-\x1f]*[^/\0-\x1f])$/.exec(text.slice(start.length))?.[1]
  return path === undefined || Buffer.byteLength(path) > longestSocketPath
    ? {
        ok: false,
        expected: `${start}///path`,
        hint: `write the whole path behind ${start}//, of ${longestSocketPath} octets at most`,
      }
    : { ok: true, value: path }
}

interface HostAndPort {
  readonly scheme: string
  readonly host: string
  /** As it is written in a URL. */
  readonly written: string
  readonly port: number
}

/** `scheme://host:port`; `as` is what may be meant by an address without a scheme. */
function hostAndPort(
  text: string,
  { schemes, expected }: { readonly schemes: readonly string[]; readonly expected: string },
): Parsed<HostAndPort> {
  const parts = /^([a-z]+):\/\/(\[[^\]]*\]|[^:/[\]]+):(\d+)\/?$/i.exec(text)
  const scheme = parts?.[1]?.toLowerCase() ?? ''
  const host = parseHost(parts?.[2] ?? '')
  const port = parsePort(parts?.[3] ?? '', 1)
  if (!schemes.includes(scheme) || host === undefined || port === undefined) {
    const bare = parseListenAddress(text)
    return {
      ok: false,
      expected,
      ...(bare.ok && { hint: `did you mean "${schemes[0] ?? ''}://${text}"?` }),
    }
  }
  return { ok: true, value: { scheme, host, written: parts?.[2] ?? '', port } }
}

/** A server that is spoken to by HTTP, without a path. A port is needed: no filter is at 80. */
export function parseHttpServer(
  text: string,
): Parsed<{ readonly url: string; readonly socketPath?: string }> {
  const file = socketFile('http', text)
  if (file !== undefined)
    return file.ok ? { ok: true, value: { url: 'http://localhost', socketPath: file.value } } : file
  const expected = 'http://host:port, https://host:port or http+unix:///path'
  const parsed = hostAndPort(text, { schemes: ['http', 'https'], expected })
  if (!parsed.ok) return parsed
  const { scheme, written, port } = parsed.value
  return { ok: true, value: { url: `${scheme}://${written}:${port}` } }
}

const visible = /^[!-~]+$/

/**
 * Where something is asked by HTTP: a whole URL, without credentials. Behind the file of a socket
 * `:/path` is the URL's path.
 */
export function parseHttpUrl(
  text: string,
): Parsed<{ readonly url: string; readonly socketPath?: string }> {
  const expected = 'http://host:port/path, https://host/path or http+unix:///socket:/path'
  // The first one stands behind the scheme.
  const colon = text.lastIndexOf(':/')
  const behind = colon > text.indexOf(':/') ? colon : text.length
  const file = socketFile('http', text.slice(0, behind))
  if (file !== undefined) {
    const written = `http://localhost${text.slice(behind + 1)}`
    const url = visible.test(written) ? URL.parse(written) : null
    return file.ok && url !== null
      ? { ok: true, value: { url: url.href, socketPath: file.value } }
      : { ok: false, expected, ...('hint' in file && { hint: file.hint }) }
  }
  // canParse takes some texts of megabytes that can't be parsed.
  const url = /^https?:/i.test(text) && visible.test(text) ? URL.parse(text) : null
  if (url === null)
    return {
      ok: false,
      expected,
      ...(parseListenAddress(text).ok && { hint: `did you mean "http://${text}"?` }),
    }
  const { href, username, password, hash } = url
  return username + password + hash === ''
    ? { ok: true, value: { url: href } }
    : { ok: false, expected, hint: 'name credentials with token_file, or user and password_file' }
}

/** SpamAssassin's spamd. */
export function parseSpamdServer(
  text: string,
): Parsed<{ readonly host: string; readonly port: number; readonly socketPath?: string }> {
  const file = socketFile('spamd', text)
  if (file !== undefined)
    return file.ok
      ? { ok: true, value: { host: 'localhost', port: 0, socketPath: file.value } }
      : file
  const expected = 'spamd://host:port or spamd+unix:///path'
  const parsed = hostAndPort(text, { schemes: ['spamd'], expected })
  return parsed.ok
    ? { ok: true, value: { host: parsed.value.host, port: parsed.value.port } }
    : parsed
}

/** A milter, as Postfix and libmilter write it. */
export function parseMilterServer(
  text: string,
): Parsed<{ readonly host: string; readonly port: number; readonly socketPath?: string }> {
  const [, scheme, rest = ''] = /^(inet6?|unix|local):(.*)$/.exec(text) ?? []
  const expected = 'inet:host:port or unix:/path'
  if (scheme === 'unix' || scheme === 'local') {
    const whole = rest.startsWith('/') && Buffer.byteLength(rest) <= longestSocketPath
    return whole
      ? { ok: true, value: { host: 'localhost', port: 0, socketPath: rest } }
      : {
          ok: false,
          expected: 'unix:/path',
          hint: `write the whole path, of ${longestSocketPath} octets at most`,
        }
  }
  const [, portFirst, hostLast] = /^(\d+)@(.+)$/.exec(rest) ?? []
  const written = portFirst === undefined ? rest : `${hostLast ?? ''}:${portFirst}`
  const parsed = hostAndPort(`inet://${written}`, { schemes: ['inet'], expected })
  if (scheme !== undefined && parsed.ok)
    return { ok: true, value: { host: parsed.value.host, port: parsed.value.port } }
  const bare = parseListenAddress(text)
  return { ok: false, expected, ...(bare.ok && { hint: `did you mean "inet:${text}"?` }) }
}
