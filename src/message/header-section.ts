/**
 * Where the header section of a text ends. The one place that looks for it: whoever reads header
 * fields takes them from here, at the pace at which the text comes.
 */

/** Of a longer section so much is read. Real ones have some ten KiB. */
export const headerLimitBytes = 256 * 1024

export interface HeaderSection {
  /**
   * With the CRLF of the last field, without the empty line. It may be a part of the chunk that was
   * pushed, so whoever may not keep that looks at it at once.
   */
  readonly header: Buffer
  /** What stands behind the section and its empty line in the same chunk. */
  readonly rest: Buffer
  /**
   * `limit`: it came before the empty line; `header` ends anywhere, and `rest` goes on from there.
   * `text`: there is no empty line.
   */
  readonly end: 'empty line' | 'limit' | 'text'
}

const emptyLine = Buffer.from('\r\n\r\n')
const lineEnd = Buffer.from('\r\n')
const nothing = Buffer.alloc(0)
const beginsEmpty = (text: Buffer): boolean => text[0] === 0x0d && text[1] === 0x0a

/** Few want to have the rest. */
class SectionInOne implements HeaderSection {
  readonly header: Buffer
  readonly end = 'empty line'
  readonly #chunk: Buffer
  readonly #bodyFrom: number

  constructor(chunk: Buffer, bodyFrom: number) {
    this.header = chunk.subarray(0, bodyFrom - 2)
    this.#chunk = chunk
    this.#bodyFrom = bodyFrom
  }

  get rest(): Buffer {
    return this.#chunk.subarray(this.#bodyFrom)
  }
}

export class HeaderReader {
  readonly #limit: number
  #octets = nothing
  #length = 0
  /**
   * The last octets, in which an empty line may have begun. The beginning of a text counts as the
   * end of a line.
   */
  #tail: Buffer = lineEnd

  constructor(limitBytes = headerLimitBytes) {
    this.#limit = limitBytes
  }

  /** The section, as soon as its end is known; nothing may be pushed behind that. */
  push(chunk: Buffer): HeaderSection | undefined {
    return (this.#length === 0 ? this.#inOne(chunk) : undefined) ?? this.#inPieces(chunk)
  }

  /** The usual text has its section in the first chunk, which needs no copy. */
  #inOne(chunk: Buffer): HeaderSection | undefined {
    const at = chunk.indexOf(emptyLine)
    const bodyFrom = at + emptyLine.length
    // An empty line at the beginning has no line before it.
    if (at === -1 || bodyFrom > this.#limit || beginsEmpty(chunk)) return undefined
    return new SectionInOne(chunk, bodyFrom)
  }

  #inPieces(chunk: Buffer): HeaderSection | undefined {
    const window = Buffer.concat([this.#tail, chunk])
    const at = window.indexOf(emptyLine)
    const bodyFrom = at === -1 ? Infinity : this.#length - this.#tail.length + at + emptyLine.length
    if (bodyFrom > this.#limit && this.#length + chunk.length < this.#limit) {
      this.#keep(chunk)
      this.#tail = Buffer.from(window.subarray(-emptyLine.length + 1))
      return undefined
    }
    const end = Math.min(bodyFrom, this.#limit)
    const taken = end - this.#length
    const all = Buffer.concat([this.#octets.subarray(0, this.#length), chunk.subarray(0, taken)])
    const rest = chunk.subarray(taken)
    return bodyFrom > this.#limit
      ? { header: all, rest, end: 'limit' }
      : { header: all.subarray(0, -2), rest, end: 'empty line' }
  }

  /** All there was, of a text that has no empty line. */
  end(): HeaderSection {
    return { header: this.#octets.subarray(0, this.#length), rest: nothing, end: 'text' }
  }

  /** In one piece that grows: a text may come octet by octet. */
  #keep(chunk: Buffer): void {
    const needed = this.#length + chunk.length
    if (needed > this.#octets.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#octets.length))
      this.#octets.copy(larger, 0, 0, this.#length)
      this.#octets = larger
    }
    this.#length += chunk.copy(this.#octets, this.#length)
  }
}

/** The header section of a text; no more of the text is read than that. */
export async function readHeader(
  chunks: AsyncIterable<Buffer>,
  limitBytes = headerLimitBytes,
): Promise<HeaderSection> {
  const reader = new HeaderReader(limitBytes)
  for await (const chunk of chunks) {
    const section = reader.push(chunk)
    if (section !== undefined) return section
  }
  return reader.end()
}
