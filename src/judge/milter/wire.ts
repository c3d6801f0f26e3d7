/**
 * Frames of the milter protocol, versions 2 to 6: `uint32 length, char code, data`. Pure. Strings
 * end with NUL; integers are big-endian. What comes in is as long and as wrong as the filter likes:
 * every length is looked at before it is believed.
 */
import { printable, toOctets } from '../../smtp/octets.ts'

export interface Frame {
  /** One character. */
  readonly code: string
  readonly data: Buffer
}

export interface Unreadable {
  readonly failed: string
}

/** Octets of a frame that a filter may send, its code included. */
export const longestFrame = 1024 * 1024
/** Octets of the body in one frame: libmilter reads no more. */
export const longestBodyFrame = 65_535
/** Octets of an answer in words that are told on. */
const longestWords = 80

const lengthOctets = 4

export function encodeFrame(code: string, ...data: readonly Buffer[]): Buffer {
  const length = data.reduce((sum, one) => sum + one.length, 1)
  const front = Buffer.alloc(lengthOctets + 1)
  front.writeUInt32BE(length)
  front.writeUInt8(code.charCodeAt(0), lengthOctets)
  return Buffer.concat([front, ...data])
}

/** With its NUL. A NUL within would begin another string: it becomes `?`. */
export const cString = (octets: string): Buffer =>
  toOctets(`${octets.includes('\0') ? octets.replaceAll('\0', '?') : octets}\0`)

export const uint32 = (value: number): Buffer => {
  const four = Buffer.alloc(4)
  four.writeUInt32BE(value)
  return four
}

export const uint16 = (value: number): Buffer => {
  const two = Buffer.alloc(2)
  two.writeUInt16BE(value)
  return two
}

/** Cuts what comes into frames, wherever it was cut on its way. */
export class FrameReader {
  #chunks: Buffer[] = []
  #length = 0
  /** Of the frame that has begun, with the octets of its length. */
  #needed: number | undefined

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#length += chunk.length
  }

  /** The next frame, once all of it is there. */
  next(): Frame | Unreadable | undefined {
    if (this.#needed === undefined) {
      if (this.#length < lengthOctets) return undefined
      const length = this.#joined().readUInt32BE()
      if (length === 0) return { failed: 'it sends a frame without a command' }
      if (length > longestFrame) return { failed: foreign(this.#joined()) }
      this.#needed = lengthOctets + length
    }
    if (this.#length < this.#needed) return undefined
    const all = this.#joined()
    const frame = all.subarray(lengthOctets, this.#needed)
    this.#chunks = [all.subarray(this.#needed)]
    this.#length -= this.#needed
    this.#needed = undefined
    return { code: frame.toString('latin1', 0, 1), data: frame.subarray(1) }
  }

  /** In one piece: made twice for a frame, not for each chunk of it. */
  #joined(): Buffer {
    const [first] = this.#chunks
    const all =
      first !== undefined && this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks)
    this.#chunks = [all]
    return all
  }
}

/** Who it may be that answers otherwise than a milter does. */
const others: readonly (readonly [RegExp, string])[] = [
  [/^HTTP\/|^<(?:html|!doctype)/i, 'it speaks HTTP; is this the port of its milter?'],
  [/^UNKNOWN COMMAND|^COMMAND /, 'it is clamd; take the socket of clamav-milter'],
  [/^220[ -]/, 'it is a mail server, and no milter'],
  [/^SPAMD\//, 'it is spamd; take judges[].spamd'],
]

/** In words, what answers there, of its first octets; no milter has an answer that long. */
function foreign(octets: Buffer): string {
  const beginning = octets.toString('latin1', 0, longestWords)
  const known = others.find(([form]) => form.test(beginning))
  if (known !== undefined) return known[1]
  const [line = ''] = beginning.split(/[\r\n]/)
  return /^[\x20-\x7e]{4}/.test(line)
    ? `it is no milter, it says: ${printable(line)}`
    : `it sends a frame of more than ${longestFrame} octets`
}
