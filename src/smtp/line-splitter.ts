/**
 * Bytes to command lines. Only CRLF ends a line (RFC 5321 2.3.8): a bare CR, a bare LF or a NUL in
 * a line is told to the caller, who must not take what follows for a command. Never looks at single
 * bytes in JavaScript.
 */

export type LineEvent =
  | { readonly kind: 'line'; readonly text: string }
  /** Longer than the limit; the rest of it is skipped up to its CRLF. */
  | { readonly kind: 'tooLong' }
  /** A bare CR, bare LF or NUL: nothing behind it can be trusted to be a command. */
  | { readonly kind: 'stray' }

const LF = 0x0a
const CR = 0x0d
const empty = Buffer.alloc(0)

const strayByte = /[\x00\r\n]/

export class LineSplitter {
  #buffer: Buffer = empty
  #searched = 0
  #skipping = false
  /** The line that was too long ended with a bare LF: told next. */
  #strayNext = false
  readonly #limitBytes: number

  /** `limitBytes` counts the CRLF (RFC 5321 4.5.3.1.4). */
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  push(chunk: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk])
  }

  /** Octets that came in and were not taken yet. */
  get pendingBytes(): number {
    return this.#buffer.length
  }

  /** The next line, or undefined until more octets come. */
  next(): LineEvent | undefined {
    if (this.#strayNext) {
      this.#strayNext = false
      return { kind: 'stray' }
    }
    while (this.#searched < this.#buffer.length) {
      const end = this.#buffer.indexOf(LF, this.#searched)
      if (end === -1) return this.#unfinished()
      const ended = end > 0 && this.#buffer[end - 1] === CR
      const text = this.#buffer.toString('latin1', 0, ended ? end - 1 : end)
      // A view of nothing would keep the octets that were read last.
      this.#buffer = end + 1 === this.#buffer.length ? empty : this.#buffer.subarray(end + 1)
      this.#searched = 0
      if (this.#skipping) {
        this.#skipping = false
        if (!ended) return { kind: 'stray' }
        continue
      }
      if (end + 1 > this.#limitBytes) {
        this.#strayNext = !ended
        return { kind: 'tooLong' }
      }
      if (!ended) return { kind: 'stray' }
      return strayByte.test(text) ? { kind: 'stray' } : { kind: 'line', text }
    }
    return undefined
  }

  #unfinished(): LineEvent | undefined {
    // What was searched has no LF; drop what is over the limit, so that a line without end can't
    // fill the memory.
    if (this.#buffer.length > this.#limitBytes) {
      const first = !this.#skipping
      this.#skipping = true
      const last = this.#buffer.subarray(-1)
      this.#buffer = last[0] === CR ? Buffer.from(last) : empty
      this.#searched = 0
      return first ? { kind: 'tooLong' } : undefined
    }
    this.#searched = this.#buffer.length
    return undefined
  }

  /** Takes everything that was not read as a line: the text after DATA, a chunk after BDAT. */
  takeRest(): Buffer {
    const rest = this.#buffer
    this.#buffer = empty
    this.#searched = 0
    return rest
  }
}
