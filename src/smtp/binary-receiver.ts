/**
 * A binary text (RFC 3030 3) in BDAT chunks: a header section of ordinary lines, and behind its
 * empty line any octets at all, which pass as they are. The header section is held to what any text
 * is held to, and nothing of it is made something else: it is what fields are put in front of, and
 * what judges read.
 */
import {
  type TakeText,
  type TextFault,
  TextReceiver,
  type TextReceiverOptions,
} from './text-receiver.ts'

const endOfHeader = Buffer.from('\r\n\r\n')

export class BinaryReceiver {
  readonly #header: TextReceiver
  readonly #out: TakeText
  readonly #maxBytes: number
  /**
   * The last octets of the header section so far; the beginning counts as the end of a line.
   * Undefined in the body.
   */
  #tail: Buffer | undefined = endOfHeader.subarray(0, 2)
  #bodyBytes = 0
  #tooLarge = false

  /**
   * `out` gets the message's bytes, in slices of what came in: it must not keep them longer than
   * their chunk may live.
   */
  constructor(options: Omit<TextReceiverOptions, 'dots'>, out: TakeText) {
    this.#header = new TextReceiver({ ...options, bareNewlines: 'reject', dots: false }, out)
    this.#out = out
    this.#maxBytes = options.maxBytes
  }

  get fault(): TextFault | undefined {
    return this.#header.fault ?? (this.#tooLarge ? 'tooLarge' : undefined)
  }
  /** Octets of the message so far. */
  get sizeBytes(): number {
    return this.#header.sizeBytes + this.#bodyBytes
  }

  /** Takes the next octets. Only their number ends it, so nothing ever stands behind its end. */
  push(chunk: Buffer): undefined {
    if (this.#tail === undefined) this.#body(chunk)
    else this.#findBody(chunk, this.#tail)
  }

  #findBody(chunk: Buffer, tail: Buffer): void {
    const seam = Buffer.concat([tail, chunk])
    const found = seam.indexOf(endOfHeader)
    if (found === -1) {
      this.#header.push(chunk)
      this.#tail = Buffer.from(seam.subarray(-3))
      return
    }
    const end = found + endOfHeader.length - tail.length
    this.#tail = undefined
    this.#header.push(chunk.subarray(0, end))
    this.#body(chunk.subarray(end))
  }

  #body(octets: Buffer): void {
    if (octets.length === 0) return
    this.#bodyBytes += octets.length
    if (this.sizeBytes > this.#maxBytes) this.#tooLarge = true
    if (this.fault === undefined) this.#out(octets, true)
  }

  /** The counted octets are complete. */
  finish(): void {
    this.#header.finish()
  }
}
