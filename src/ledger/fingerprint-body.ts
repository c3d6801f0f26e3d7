/** The part of a body that survives a sender's own relays, as a digest: see fingerprint.ts. */
import { createHash, type Hash } from 'node:crypto'

export interface BodyDigest {
  /** The next bytes. The chunk is not kept. */
  push(chunk: Buffer): void
  /** 32 bytes, after the last byte. */
  end(): Buffer
}

const lineEnd = Buffer.from('\r\n')
const dash = 0x2d
const dashedLine = Buffer.from('\r\n--')

/**
 * Lines that are left out at most; all further ones count. No real message has so many MIME boundaries, and one made of
 * short lines with dashes would cost seconds.
 */
export const skippedLinesLimit = 10_000

/**
 * `line start`: behind a CRLF, or at the beginning. `line`: within a line that counts. `skipped`: within one that begins
 * with `--`, which may be a MIME boundary (RFC 2046 5.1.1).
 */
type Place = 'line start' | 'line' | 'skipped'

/**
 * Digests all of a body but lines that begin with `--`, and white space and empty lines at the end. Lines are found with
 * indexOf; nothing is looked at byte by byte but the white space at the end of a chunk.
 */
export function createBodyDigest({ atLineStart }: { readonly atLineStart: boolean }): BodyDigest {
  const digest = createTrimmedDigest()
  let place: Place = atLineStart ? 'line start' : 'line'
  /** Up to three bytes that can't be judged before the next ones are known. */
  let carry: Buffer = Buffer.alloc(0)
  let skipped = 0

  /** Reads on at `at`; where it got to, or undefined when only more bytes can tell. */
  const step = (bytes: Buffer, at: number): number | undefined => {
    switch (place) {
      case 'line start':
        if (bytes.length - at < 2) return undefined
        place = bytes[at] === dash && bytes[at + 1] === dash && skipped < skippedLinesLimit ? 'skipped' : 'line'
        return at
      case 'line': {
        const found = skipped < skippedLinesLimit ? bytes.indexOf(dashedLine, at) : -1
        const until = found === -1 ? Math.max(at, bytes.length - dashedLine.length + 1) : found + lineEnd.length
        digest.push(bytes.subarray(at, until))
        if (found === -1) return until === at ? undefined : until
        place = 'skipped'
        return until
      }
      case 'skipped': {
        const found = bytes.indexOf(lineEnd, at)
        if (found === -1) return bytes.length - at > 1 ? bytes.length - 1 : undefined
        skipped += 1
        place = 'line start'
        return found + lineEnd.length
      }
    }
  }

  return {
    push: (chunk) => {
      const bytes = carry.length === 0 ? chunk : Buffer.concat([carry, chunk])
      let at = 0
      for (let next: number | undefined = 0; next !== undefined; next = step(bytes, at)) at = next
      carry = Buffer.from(bytes.subarray(at))
    },
    end: () => {
      if (place !== 'skipped') digest.push(carry)
      return digest.end()
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
