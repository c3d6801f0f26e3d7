/**
 * The part of a header section that tells messages apart and survives a sender's own relays: see
 * fingerprint.ts.
 */
import { readable } from '../smtp/octets.ts'

/**
 * Bytes in which the end of the header section is looked for. Larger header sections are refused by
 * most servers.
 */
export const headerSectionLimitBytes = 256 * 1024

export interface HeaderSection {
  /** With the CRLF of the last field, without the blank line. */
  readonly header: Buffer
  /** What stands behind it in the same chunk. */
  readonly rest: Buffer
  /** The blank line has come. */
  readonly ended: boolean
  /**
   * The limit came before the blank line: `header` ends anywhere, and `rest` goes on from there.
   */
  readonly cut: boolean
}

export interface SectionReader {
  /** The header section, as soon as its end is known. */
  push(chunk: Buffer): HeaderSection | undefined
  /** All there was, for a message without a blank line. */
  end(): HeaderSection
}

export interface KeptFields {
  /** Name, length and value of each kept field, sorted; bytes as latin1. */
  readonly kept: string
  readonly messageId?: string
  /** It has parts, by its Content-Type. */
  readonly multipart: boolean
  /**
   * Where a line stands that is no field. The body begins there, as it does for Postfix and
   * sendmail; else all messages that begin with plain text would be one.
   */
  readonly bodyFrom?: number
}

const blankLine = Buffer.from('\r\n\r\n')
const nothing = Buffer.alloc(0)

/** Copies what comes up to the blank line, which may be the message's first line. */
export function createSectionReader(): SectionReader {
  let octets = Buffer.alloc(0)
  let length = 0
  /** In one piece that grows: a text may come octet by octet. */
  const keep = (chunk: Buffer): void => {
    if (length + chunk.length > octets.length) {
      const larger = Buffer.allocUnsafe(Math.max(length + chunk.length, 2 * octets.length))
      octets.copy(larger, 0, 0, length)
      octets = larger
    }
    length += chunk.copy(octets, length)
  }
  /**
   * The last three bytes, in which a blank line may have begun. The start counts as the end of a
   * line.
   */
  let tail: Buffer = Buffer.from('\r\n')

  return {
    push: (chunk) => {
      const window = Buffer.concat([tail, chunk])
      const at = window.indexOf(blankLine)
      const bodyFrom = at === -1 ? Infinity : length - tail.length + at + blankLine.length
      const end = Math.min(bodyFrom, headerSectionLimitBytes)
      if (bodyFrom > headerSectionLimitBytes && length + chunk.length < headerSectionLimitBytes) {
        keep(chunk)
        tail = window.subarray(-3)
        return undefined
      }
      const cut = bodyFrom > headerSectionLimitBytes
      const rest = chunk.subarray(end - length)
      const all = Buffer.concat([octets.subarray(0, length), chunk.subarray(0, end - length)])
      return { header: cut ? all : all.subarray(0, -2), rest, ended: !cut, cut }
    },
    end: () => ({ header: octets.subarray(0, length), rest: nothing, ended: false, cut: false }),
  }
}

/**
 * Set by the author's side, and left alone by relays; the rest is trace, signature, verdict or
 * MIME.
 */
const keptNames = new Set([
  'from',
  'to',
  'cc',
  'subject',
  'date',
  'message-id',
  'sender',
  'reply-to',
  'in-reply-to',
  'references',
])

const readNames = new Set([...keptNames, 'content-type'])

/** RFC 5322 2.2, and white space before the colon as in 4.5.8. */
const fieldStart = /^([!-9;-~]+)[ \t]*:/
const whiteSpace = /[ \t\r\n]+/g

/**
 * A section of more lines is not read: each line takes many times its octets of memory. Real ones
 * have some hundred.
 */
export const headerLinesLimit = 5000

function hasTooManyLines(header: Buffer): boolean {
  let lines = 0
  for (
    let at = header.indexOf('\r\n');
    at !== -1 && lines <= headerLinesLimit;
    at = header.indexOf('\r\n', at + 2)
  )
    lines++
  return lines > headerLinesLimit
}

/**
 * `header` as `SectionReader` gives it. The string is bounded by the limit above and lives no
 * longer than this call. Of a section of too many lines nothing is kept, so that every octet
 * counts.
 */
export function keepFields(header: Buffer): KeptFields {
  if (hasTooManyLines(header)) return { kept: '', multipart: false }
  const found: { readonly name: string; value: string }[] = []
  let current: { readonly name: string; value: string } | undefined
  let anyField = false
  let bodyFrom: number | undefined
  let at = 0

  for (const line of header.toString('latin1').split('\r\n')) {
    const start = fieldStart.exec(line)
    if (start !== null) {
      const name = (start[1] ?? '').toLowerCase()
      current = readNames.has(name) ? { name, value: line.slice(start[0].length) } : undefined
      if (current !== undefined) found.push(current)
      anyField = true
    } else if (anyField && (line.startsWith(' ') || line.startsWith('\t'))) {
      if (current !== undefined) current.value += line
    } else if (line !== '') {
      bodyFrom = at
      break
    }
    at += line.length + 2
  }

  const fields = found.map(({ name, value }) => ({
    name,
    value: value.replace(whiteSpace, ' ').trim(),
  }))
  const kept = fields
    .filter(({ name }) => keptNames.has(name))
    .map(({ name, value }) => `${name} ${value.length} ${value}\n`)
    .sort()
  const messageId = fields.find(({ name, value }) => name === 'message-id' && value !== '')?.value
  return {
    kept: kept.join(''),
    multipart: fields.some(
      ({ name, value }) => name === 'content-type' && /^multipart\//i.test(value),
    ),
    ...(messageId === undefined ? {} : { messageId: readable(messageId).slice(0, 250) }),
    ...(bodyFrom === undefined ? {} : { bodyFrom }),
  }
}
