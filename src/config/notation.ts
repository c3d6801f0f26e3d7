/**
 * The configuration's notations as zod schemas, and the notes from which docs/configuration.md is
 * made. In this folder an issue's message is what was expected; problem texts are put together in
 * issues.ts.
 */
import { createSecureContext } from 'node:tls'
import { z } from 'zod'
import {
  parseDomainPattern,
  parseHttpServer,
  parseHttpUrl,
  parseSpamdServer,
  parseListenAddress,
  parseMailAddress,
  parseMilterServer,
  parseRange,
  parseServer,
} from './addresses.ts'
import { parseDuration, parseSize, type Parsed } from './units.ts'

/** What the reference says about a key. */
export interface KeyNote {
  readonly sentence: string
  /** For defaults that are worked out; others are read from the schema. */
  readonly default?: string
}

export const keyNotes = z.registry<KeyNote>()
/** The kind of value, in words, for schemas that can't be read off. */
export const valueNotes = z.registry<{ readonly value: string }>()

/** A key's schema with its sentence. */
export function key<S extends z.ZodType>(schema: S, sentence: string, fallback?: string): S {
  keyNotes.add(schema, { sentence, ...(fallback !== undefined && { default: fallback }) })
  return schema
}

function notation<T>(value: string, parse: (text: string) => Parsed<T>) {
  const readable = (raw: unknown): boolean => typeof raw === 'string' || typeof raw === 'number'
  const schema = z
    .custom<string | number>(readable, { error: value })
    .transform((raw, context): T => {
      const parsed = parse(String(raw))
      if (parsed.ok) return parsed.value
      context.addIssue({ code: 'custom', message: parsed.expected, params: { hint: parsed.hint } })
      return z.NEVER
    })
  valueNotes.add(schema, { value })
  return schema
}

const durationMs = (text: string): number => {
  const parsed = parseDuration(text)
  return parsed.ok ? parsed.value : 0
}

/**
 * Ms, between two durations in the same notation. Timers need an upper limit: Node's end at 24 days
 * and fire at once above.
 */
export function duration(from: string, to: string) {
  const value = `a duration from ${from} to ${to}`
  return notation(value, (text) => {
    const parsed = parseDuration(text)
    if (!parsed.ok) return parsed
    const inside = parsed.value >= durationMs(from) && parsed.value <= durationMs(to)
    return inside ? parsed : { ok: false, expected: value }
  })
}

/** Whole seconds for a retry hint, which has room for 99:59:59 (draft-santos-smtpgrey-02). */
export function retryHint() {
  const value = 'a duration of whole seconds from 00:00:00 to 99:59:59'
  return notation(value, (text) => {
    const parsed = parseDuration(text)
    if (!parsed.ok) return parsed
    const seconds = parsed.value / 1000
    return Number.isInteger(seconds) && seconds < 360_000
      ? { ok: true, value: seconds }
      : { ok: false, expected: value }
  })
}

/** Bytes, between two sizes in the same notation. */
export function size(from: string, to: string) {
  const value = `a size from ${from} to ${to}`
  const bytes = (text: string): number => {
    const parsed = parseSize(text)
    return parsed.ok ? parsed.value : 0
  }
  return notation(value, (text) => {
    const parsed = parseSize(text)
    if (!parsed.ok) return parsed
    const inside = parsed.value >= bytes(from) && parsed.value <= bytes(to)
    return inside ? parsed : { ok: false, expected: value }
  })
}

export const listenAddress = () => notation('an address and port', parseListenAddress)
export const server = () =>
  notation(
    'smtp://host:port, smtps://host:port, mx://domain, lmtp://host:port, lmtp+unix:///path or sink:DIRECTORY',
    parseServer,
  )
export const httpServer = () =>
  notation('http://host:port, https://host:port or http+unix:///path', parseHttpServer)
export const httpUrl = () =>
  notation('http://host:port/path, https://host/path or http+unix:///socket:/path', parseHttpUrl)
export const spamdServer = () =>
  notation('spamd://host:port or spamd+unix:///path', parseSpamdServer)
export const milterServer = () => notation('inet:host:port or unix:/path', parseMilterServer)
export const range = () => notation('an address or a range', parseRange)
export const mailAddress = () => notation('a mail address', parseMailAddress)
export const domainPattern = () => notation('a domain or *.domain', parseDomainPattern)

/** SHA-256 of a certificate, with or without colons; comes back as 64 hex digits in lower case. */
export function fingerprint() {
  const value = 'a SHA-256 fingerprint of 64 hex digits'
  return notation(value, (written) => {
    const digits = written.replaceAll(':', '').toLowerCase()
    return /^[0-9a-f]{64}$/.test(digits)
      ? { ok: true, value: digits }
      : { ok: false, expected: value }
  })
}

/** Ciphers that OpenSSL knows. */
export function ciphers() {
  const value = "ciphers in OpenSSL's notation"
  return notation(value, (written) => {
    try {
      createSecureContext({ ciphers: written })
      return { ok: true, value: written }
    } catch {
      return { ok: false, expected: value, hint: 'see what "openssl ciphers -v" says of it' }
    }
  })
}

/** The SQLite file of the ledger, `sqlite:PATH` or the path alone. */
export function ledgerPath() {
  const value = 'sqlite:PATH'
  return notation(value, (written) => {
    const path = written.replace(/^sqlite:/, '')
    const otherScheme = path !== ':memory:' && /^[a-z+]{2,}:/i.test(path)
    return path === '' || otherScheme ? { ok: false, expected: value } : { ok: true, value: path }
  })
}

/** The Redis or Valkey server of the ledger; port 6379 and database 0 unless given. */
export function redisUrl() {
  const value = 'redis://host:port/db'
  const parts =
    /^rediss?:\/\/(?:[^@/]*@)?(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?(?:\/\d{0,5})?$/i
  return notation(value, (written) =>
    parts.test(written) && URL.canParse(written)
      ? { ok: true, value: written }
      : { ok: false, expected: value },
  )
}

/**
 * A directory; port 389 or 636 unless given. The path of a socket as OpenLDAP writes it, with `%2F`
 * in place of the host, or as a path.
 */
export function ldapUrl() {
  const value = 'ldap://host:port, ldaps://host:port or ldapi:///path'
  const parts =
    /^(?:ldaps?:\/\/(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?\/?|ldapi:\/\/(?:(?:%2f[a-z0-9._-]+)+\/?|\/[a-z0-9._/-]*))$/i
  return notation(value, (written) =>
    parts.test(written) && URL.canParse(written)
      ? { ok: true, value: written }
      : { ok: false, expected: value },
  )
}

/** A list, or one alone. */
export function oneOrMore<S extends z.ZodType>(one: S) {
  return z.preprocess((raw): unknown => (Array.isArray(raw) ? raw : [raw]), z.array(one).min(1))
}

function exact<T>(value: string, holds: (raw: unknown) => raw is T) {
  const schema = z.custom<T>(holds, { error: value })
  valueNotes.add(schema, { value })
  return schema
}

/** A whole number between two others, both included. */
export const whole = (from: number, to: number) =>
  exact(
    `a whole number from ${from} to ${to}`,
    (raw): raw is number => Number.isSafeInteger(raw) && Number(raw) >= from && Number(raw) <= to,
  )

/** How many a minute; `off` is Infinity. */
export function perMinute() {
  const value = 'a whole number from 1 to 1000000, or off'
  const schema = z
    // YAML 1.1 tools write `off` as false.
    .custom<number | 'off' | false>(
      (raw) =>
        raw === 'off' ||
        raw === false ||
        (Number.isSafeInteger(raw) && Number(raw) >= 1 && Number(raw) <= 1e6),
      { error: value },
    )
    .transform((raw) => (typeof raw === 'number' ? raw : Infinity))
  valueNotes.add(schema, { value })
  return schema
}

/** What a source of policies writes in the same way. */
export function inPolicy(value: string, read: (text: string) => string | undefined) {
  return notation(value, (text) => {
    const found = read(text)
    return found === undefined ? { ok: false, expected: value } : { ok: true, value: found }
  })
}

/** A threshold for scores. */
export const threshold = () =>
  exact(
    'a number or never',
    (raw): raw is number | 'never' =>
      raw === 'never' || (typeof raw === 'number' && Number.isFinite(raw)),
  )

/** Text of at least one character that fits the pattern; `value` says what it is. */
export const text = (value: string, pattern = /\S/) =>
  exact(value, (raw): raw is string => typeof raw === 'string' && pattern.test(raw))

/** True, false or the word `auto`. */
export const automatic = () =>
  exact(
    'auto, true or false',
    (raw): raw is boolean | 'auto' => raw === 'auto' || typeof raw === 'boolean',
  )

/**
 * A map of known keys. An empty one (`limits:` with all lines below it commented out) is as good as
 * none.
 */
export function section<S extends z.ZodRawShape>(shape: S) {
  return z.preprocess((raw) => raw ?? {}, z.strictObject(shape)).prefault({})
}
