/**
 * The text of a message after DATA: bytes as they come in, the message's own bytes out, up to CRLF.CRLF.
 *
 * Only CR LF "." CR LF ends it (RFC 5321 4.1.1.4; the CRLF that ended DATA counts as the first). What a more lenient backend
 * could take for an end (a bare CR or LF, a NUL before a dot) never leaves here: it is refused, or made CRLF where the
 * configuration says `normalize` (protocol.md: what must not end the text). Dot-stuffing is undone here and done anew
 * towards the backend, so that both sides read the same lines. One native search per line, none per byte.
 *
 *     lineStart ──▶ dot ──▶ dotCr ──▶ ended        (`dot` and `dotCr` at the end of a chunk are #held)
 *         ▲          │        │
 *         └── line ◀─┴────────┘
 */

/** Why a text was refused although it is complete; the first reason counts. */
export type TextFault = 'bareNewline' | 'nul' | 'lineTooLong' | 'tooLarge' | 'headerTooLarge'

export interface TextReceiverOptions {
  readonly bareNewlines: 'reject' | 'normalize'
  readonly maxBytes: number
  /** Longest line without CRLF, in octets. */
  readonly maxLineBytes: number
  readonly maxHeaderBytes: number
  /** False for BDAT: octets are counted, a dot is content (RFC 3030 2). */
  readonly dots: boolean
}

const LF = 0x0a
const CR = 0x0d
const DOT = 0x2e
const NUL = 0x00
const crlf = Buffer.from('\r\n')

export class TextReceiver {
  readonly #options: TextReceiverOptions
  readonly #out: (chunk: Buffer) => void
  /** Octets of an unfinished line start that can't be judged yet: "", ".", ".\r". */
  #held: Buffer = Buffer.alloc(0)
  /** `strict` behind CRLF: a dot is stuffing, or the end. `soft` behind a stray newline made CRLF: a dot is content. */
  #lineStart: 'strict' | 'soft' | 'no' = 'strict'
  /** The last octet passed on was a CR whose LF has not come yet. */
  #pendingCr = false
  #lineBytes = 0
  #inHeader = true
  #size = 0
  #fault: TextFault | undefined
  #ended = false

  /** `out` gets the message's bytes, in slices of what came in: it must not keep them longer than their chunk may live. */
  constructor(options: TextReceiverOptions, out: (chunk: Buffer) => void) {
    this.#options = options
    this.#out = out
  }

  get ended(): boolean {
    return this.#ended
  }
  get fault(): TextFault | undefined {
    return this.#fault
  }
  /** Octets of the message so far, without stuffed dots and the ending line. */
  get sizeBytes(): number {
    return this.#size
  }

  /** Takes the next octets; returns what stands behind the end of the text, once it has ended. */
  push(chunk: Buffer): Buffer | undefined {
    let data = chunk
    if (this.#held.length > 0) {
      data = Buffer.concat([this.#held, chunk])
      this.#held = Buffer.alloc(0)
    }
    let from = 0 // first octet not passed on yet
    let at = 0 // start of what is being looked at
    if (this.#pendingCr && data.length > 0) {
      this.#pendingCr = false
      if (data[0] === LF) {
        this.#emit(crlf)
        this.#endLine(1)
        from = at = 1
      } else {
        this.#strayNewline()
        from = at = 0
      }
    }
    while (at < data.length) {
      if (this.#lineStart !== 'no') {
        const first = data[at]
        if (first === DOT && this.#lineStart === 'strict' && this.#options.dots) {
          const left = data.length - at
          if (left === 1 || (left === 2 && data[at + 1] === CR)) {
            this.#emit(data.subarray(from, at))
            this.#held = Buffer.from(data.subarray(at))
            return undefined
          }
          this.#emit(data.subarray(from, at))
          if (data[at + 1] === CR && data[at + 2] === LF) {
            this.#ended = true
            return data.subarray(at + 3)
          }
          from = at = at + 1 // the stuffed dot; a dot that was not stuffed is dropped all the same (RFC 5321 4.5.2)
          if (data[at] === NUL) this.#refuse('nul')
        } else if (first === NUL) this.#refuse('nul')
        this.#lineStart = 'no'
      }
      const end = data.indexOf(LF, at)
      const stop = end === -1 ? data.length : end
      let cr = data.indexOf(CR, at)
      while (cr !== -1 && cr < stop - 1) {
        // A bare CR inside the line.
        this.#emit(data.subarray(from, cr))
        this.#lineBytes += cr - at
        this.#strayNewline()
        from = at = cr + 1
        if (this.#startsLine()) break
        cr = data.indexOf(CR, at)
      }
      if (this.#startsLine()) continue
      if (end === -1) {
        if (data[data.length - 1] === CR) {
          this.#emit(data.subarray(from, data.length - 1))
          this.#countLine(data.length - 1 - at)
          this.#pendingCr = true
          return undefined
        }
        this.#emit(data.subarray(from))
        this.#countLine(data.length - at)
        return undefined
      }
      if (end > at && data[end - 1] === CR) {
        this.#endLine(end + 1 - at)
      } else {
        this.#emit(data.subarray(from, end))
        this.#lineBytes += end - at
        this.#strayNewline()
        from = end + 1
      }
      at = end + 1
    }
    this.#emit(data.subarray(from))
    return undefined
  }

  /** Only for BDAT: the counted octets are complete. */
  finish(): void {
    if (this.#pendingCr) {
      this.#pendingCr = false
      this.#strayNewline()
    }
    this.#ended = true
  }

  #refuse(fault: TextFault): void {
    this.#fault ??= fault
  }

  #emit(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.#size += bytes.length
    if (this.#size > this.#options.maxBytes) this.#refuse('tooLarge')
    if (this.#fault === undefined) this.#out(bytes)
  }

  /** A line ended rightly; `bytes` of it, CRLF included, since the line was last counted. */
  #endLine(bytes: number): void {
    const length = this.#lineBytes + bytes
    if (length > this.#options.maxLineBytes + 2) this.#refuse('lineTooLong')
    if (this.#inHeader) this.#countHeader(length)
    this.#lineBytes = 0
    this.#lineStart = 'strict'
  }

  #headerBytes = 0

  #countHeader(length: number): void {
    this.#headerBytes += length
    if (this.#headerBytes > this.#options.maxHeaderBytes) this.#refuse('headerTooLarge')
    if (length <= 2) this.#inHeader = false
  }

  #countLine(bytes: number): void {
    this.#lineBytes += bytes
    if (this.#lineBytes > this.#options.maxLineBytes) this.#refuse('lineTooLong')
  }

  /** A bare CR or LF stands here. */
  #strayNewline(): void {
    if (this.#options.bareNewlines === 'reject') {
      this.#refuse('bareNewline')
      // Nothing is passed on from now on; the line goes on, so that no look-alike can end the text.
      return
    }
    this.#emit(crlf)
    this.#endLine(2)
    this.#lineStart = 'soft'
  }

  #startsLine(): boolean {
    return this.#lineStart !== 'no'
  }
}
