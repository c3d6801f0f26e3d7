/** The body as it survives a sender's own relays, as a digest: see fingerprint.ts. */
import { createHash, type Hash } from 'node:crypto'
import { Boundaries, longestBoundaryLine } from './boundary-line.ts'

export interface BodyDigest {
  /** The next bytes. The chunk is not kept. */
  push(chunk: Buffer): void
  /** 32 bytes, after the last byte. */
  end(): Buffer
}

const lineEnd = Buffer.from('\r\n')
const dashes = Buffer.from('--')
const dashedLine = Buffer.from('\r\n--')

/**
 * Lines that are looked at at most; all further ones count as they are. No real message has so many
 * MIME boundaries, and one made of short lines with dashes would cost seconds.
 */
export const lookedLinesLimit = 10_000

export interface BodyOptions {
  readonly atLineStart: boolean
  /** The header section says that the message has parts; else no line is a boundary. */
  readonly multipart: boolean
}

/**
 * Digests a body but for white space and empty lines at its end, and with MIME boundaries by their
 * order: which one stands where, and not how it is spelt. Lines are found with indexOf; nothing is
 * looked at byte by byte but the white space at the end of a chunk.
 */
export function createBodyDigest({ atLineStart, multipart }: BodyOptions): BodyDigest {
  const digest = createTrimmedDigest()
  /** Where each boundary stands, and which one it is. */
  const marks = createHash('sha256')
  const boundaries = new Boundaries()
  let place: 'line start' | 'line' = atLineStart ? 'line start' : 'line'
  /** Bytes that can't be judged before the next ones are known: the beginning of a line at most. */
  let carry: Buffer = Buffer.alloc(0)
  let octets = 0
  let looked = 0

  const keep = (bytes: Buffer): void => {
    digest.push(bytes)
    octets += bytes.length
  }
  const marked = (line: Buffer): boolean => {
    const boundary = boundaries.read(line.toString('latin1'))
    if (boundary !== undefined)
      marks.update(`${octets} ${boundary.index} ${boundary.closes ? 'last' : 'next'}\n`)
    return boundary !== undefined
  }
  const looks = (): boolean => multipart && looked < lookedLinesLimit

  /** Octets at the end that a dashed line may begin with; most chunks end somewhere else. */
  const begun = (bytes: Buffer, at: number): number => {
    for (let length = looks() ? dashedLine.length - 1 : 0; length > 0; length--) {
      const end = bytes.subarray(Math.max(at, bytes.length - length))
      if (end.length === length && dashedLine.subarray(0, length).equals(end)) return length
    }
    return 0
  }

  /** Reads on at `at`; where it got to, or undefined when only more bytes can tell. */
  const step = (bytes: Buffer, at: number): number | undefined => {
    if (place === 'line') {
      const found = looks() ? bytes.indexOf(dashedLine, at) : -1
      const until = found === -1 ? bytes.length - begun(bytes, at) : found + lineEnd.length
      keep(bytes.subarray(at, until))
      if (found === -1) return until === at ? undefined : until
      place = 'line start'
      return until
    }
    const start = bytes.subarray(at, at + longestBoundaryLine + lineEnd.length)
    const couldBe =
      looks() && start.subarray(0, dashes.length).equals(dashes.subarray(0, start.length))
    if (couldBe) {
      const end = start.indexOf(lineEnd)
      if (end === -1 && start.length < longestBoundaryLine + lineEnd.length) return undefined
      looked += 1
      if (end !== -1 && marked(start.subarray(0, end))) return at + end + lineEnd.length
    }
    place = 'line'
    return at
  }

  return {
    push: (chunk) => {
      const bytes = carry.length === 0 ? chunk : Buffer.concat([carry, chunk])
      let at = 0
      for (let next: number | undefined = 0; next !== undefined; next = step(bytes, at)) at = next
      carry = Buffer.from(bytes.subarray(at))
    },
    end: () => {
      const unended =
        place === 'line start' && looks() && carry.subarray(0, dashes.length).equals(dashes)
      if (!unended || !marked(carry)) keep(carry)
      return marks.update(digest.end()).digest()
    },
  }
}

/** sha256 of everything up to the last byte that is not white space. */
function createTrimmedDigest(): BodyDigest {
  let hash = createHash('sha256')
  /** `hash` with the white space that came after it: what counts if more text follows. */
  let ahead: Hash | undefined

  return {
    push: (bytes) => {
      let textEnd = bytes.length
      while (textEnd > 0 && isWhiteSpace(bytes[textEnd - 1])) textEnd -= 1
      if (textEnd > 0) {
        if (ahead !== undefined) hash = ahead
        ahead = undefined
        hash.update(bytes.subarray(0, textEnd))
      }
      if (textEnd < bytes.length) {
        ahead ??= hash.copy()
        ahead.update(bytes.subarray(textEnd))
      }
    },
    end: () => hash.digest(),
  }
}

function isWhiteSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d || byte === 0x0a
}
