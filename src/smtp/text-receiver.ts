/**
 * The text of a message after DATA: bytes as they come in, the message's own bytes out, up to
 * CRLF.CRLF.
 *
 * Only CR LF "." CR LF ends it (RFC 5321 4.1.1.4; the CRLF that ended DATA counts as the first).
 * What a more lenient backend could take for an end (a bare CR or LF, a NUL before a dot) never
 * leaves here: it is refused, or made CRLF where the configuration says `normalize` (protocol.md:
 * what must not end the text). Dot-stuffing is undone here and done anew towards the backend, so
 * that both sides read the same lines. What it costs goes with the octets, of whatever kind they
 * are: a text that is refused is only searched for its end, and what has to be cut out leaves in
 * one piece for each chunk.
 *
 *     lineStart ──▶ dot ──▶ dotCr ──▶ ended        (`dot` and `dotCr` at the end of a chunk are #held)
 *         ▲          │        │
 *         └── line ◀─┴────────┘
 */
import { EndFinder } from './end-finder.ts'
import { NewlineFinder } from './newline-finder.ts'
import { OctetCopy } from './octet-copy.ts'
import { canScan, endOfPlainLines, forgetChunk } from './plain-lines.ts'

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

/**
 * Takes the next octets of a message. `dotted`: one of its lines that begin in them may begin with
 * a dot.
 */
export type TakeText = (octets: Buffer, dotted: boolean) => void

const LF = 0x0a
const CR = 0x0d
const DOT = 0x2e
const NUL = 0x00
const crlf = Buffer.from('\r\n')
/** A native search costs as much as looking at so many octets (measured). */
const shortLine = 32
const fewLines = 4
const nothing = Buffer.alloc(0)

export class TextReceiver {
  readonly #options: TextReceiverOptions
  readonly #out: TakeText
  readonly #newlines = new NewlineFinder()
  readonly #rewritten = new OctetCopy()
  /** Octets of an unfinished line start that can't be judged yet: "", ".", ".\r". */
  #held: Buffer = nothing
  /**
   * `strict` behind CRLF: a dot is stuffing, or the end. `soft` behind a stray newline made CRLF: a
   * dot is content.
   */
  #place: 'strict' | 'soft' | 'line' = 'strict'
  /** Of the octets at hand: a dot that is content begins a line. */
  #dotted = false
  /** The last octet was a CR, not passed on, whose LF has not come yet. */
  #pendingCr = false
  /**
   * Of the octets at hand: the first one not passed on, and where those that may be passed on end.
   */
  #from = 0
  #until = 0
  #lineBytes = 0
  #linesAreShort = false
  #headerBytes = 0
  #inHeader = true
  #size = 0
  #fault: TextFault | undefined
  /** Looks for the end of a text that was refused; a counted one has none. */
  #end: EndFinder | undefined
  #ended = false

  /**
   * `out` gets the message's bytes, in slices of what came in: it must not keep them longer than
   * their chunk may live.
   */
  constructor(options: TextReceiverOptions, out: TakeText) {
    this.#options = options
    this.#out = out
  }

  get ended(): boolean {
    return this.#ended
  }
  get fault(): TextFault | undefined {
    return this.#fault
  }
  /**
   * Octets of the message so far, without stuffed dots and the ending line. Behind a fault they are
   * counted as they come.
   */
  get sizeBytes(): number {
    return this.#size
  }

  /** Takes the next octets; returns what stands behind the end of the text, once it has ended. */
  push(chunk: Buffer): Buffer | undefined {
    // Between a BDAT command and its octets nothing has come, which says nothing of a CR before.
    if (chunk.length === 0) return undefined
    if (this.#refused()) return this.#skip(chunk)
    const data = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    this.#held = nothing
    this.#newlines.use(data)
    let at = this.#pendingCr ? this.#resolveCr(data) : 0
    this.#from = at
    this.#until = data.length
    this.#dotted = false
    let wholeLines = at
    while (at < data.length && !this.#refused() && !this.#ended) {
      if (this.#place !== 'line') wholeLines = at
      if (this.#place === 'strict') at = this.#wholeLines(data, at)
      if (at < data.length) at = this.#step(data, at)
    }
    forgetChunk()
    if (this.#refused()) {
      // The header section in front of it tells which message was refused.
      this.#until = Math.max(this.#from, wholeLines)
      this.#passOn(data)
      if (this.#options.dots) this.#end = new EndFinder(this.#place === 'strict' ? '\r\n' : '')
      return this.#skip(data.subarray(at))
    }
    this.#passOn(data)
    return this.#ended ? data.subarray(at) : undefined
  }

  #refused(): boolean {
    return this.#fault !== undefined
  }

  /** Only for BDAT: the counted octets are complete. */
  finish(): void {
    if (this.#pendingCr) this.#resolveCr(nothing)
    this.#ended = true
  }

  /** Most lines of most texts: whole, within the limits, and nothing in them to look at. */
  #wholeLines(data: Buffer, at: number): number {
    const { maxLineBytes, maxBytes } = this.#options
    if (!this.#inHeader && canScan(data, maxLineBytes)) {
      const end = at + maxBytes - this.#size
      return this.#taken(at, endOfPlainLines(data, { from: at, end, longest: maxLineBytes }))
    }
    return this.#linesAreShort ? this.#shortLines(data, at) : this.#ordinaryLines(data, at)
  }

  /**
   * Where it got to. Two native searches a line, each of which ends within it; many short lines are
   * left to `#shortLines`.
   */
  #ordinaryLines(data: Buffer, from: number): number {
    const room = from + this.#room()
    const inHeader = this.#inHeader
    let short = 0
    let at = from
    while (short < fewLines) {
      const first = data[at]
      if (first === DOT || first === NUL) break
      const lf = data.indexOf(LF, at)
      if (lf < at + shortLine) {
        if (lf === -1 || (inHeader && lf === at + 1)) break
        short++
      } else short = 0
      if (lf >= room || data[lf - 1] !== CR || data.indexOf(CR, at) !== lf - 1) break
      at = lf + 1
    }
    this.#linesAreShort = short === fewLines
    return this.#taken(from, at)
  }

  /** The same by looking at each octet. */
  #shortLines(data: Buffer, from: number): number {
    const room = from + this.#room()
    const inHeader = this.#inHeader
    let at = from
    for (let end = at; end < data.length && end < at + shortLine; end++) {
      const octet = data[end]
      if (octet === LF || (end === at && (octet === DOT || octet === NUL))) break
      if (octet !== CR) continue
      if (data[end + 1] !== LF || end + 2 > room || (inHeader && end === at)) break
      at = end + 2
      end++
    }
    return this.#taken(from, at)
  }

  /** Whole lines. */
  #taken(from: number, at: number): number {
    this.#size += at - from
    if (this.#inHeader) this.#headerBytes += at - from
    return at
  }

  /** Octets of whole lines that no limit forbids. */
  #room(): number {
    const { maxLineBytes, maxBytes, maxHeaderBytes } = this.#options
    const left = Math.min(maxLineBytes, maxBytes - this.#size)
    return this.#inHeader ? Math.min(left, maxHeaderBytes - this.#headerBytes) : left
  }

  /** Looks at the next line or a part of it; where it got to. */
  #step(data: Buffer, at: number): number {
    if (this.#place === 'line') return this.#line(data, at)
    if (data[at] === DOT && this.#place === 'strict' && this.#options.dots)
      return this.#dot(data, at)
    return this.#lineStart(data, at)
  }

  /** Where a dot is content. */
  #lineStart(data: Buffer, at: number): number {
    if (data[at] === NUL) {
      this.#fault = 'nul'
      return at
    }
    if (data[at] === DOT) this.#dotted = true
    this.#place = 'line'
    return this.#line(data, at)
  }

  #dot(data: Buffer, at: number): number {
    const left = data.length - at
    if (left === 1 || (left === 2 && data[at + 1] === CR)) {
      this.#until = at
      this.#held = Buffer.from(data.subarray(at))
      return data.length
    }
    if (data[at + 1] === CR && data[at + 2] === LF) {
      this.#until = at
      this.#ended = true
      return at + 3
    }
    // The stuffed dot; a dot that was not stuffed is dropped all the same (RFC 5321 4.5.2).
    this.#cut(data, at)
    return this.#lineStart(data, at + 1)
  }

  #line(data: Buffer, at: number): number {
    const end = this.#newlines.next(at)
    this.#linesAreShort = end - at < shortLine
    this.#count(end - at)
    if (end === data.length || this.#fault !== undefined) return end
    if (data[end] === CR) {
      if (data[end + 1] === LF) {
        this.#endLine('strict')
        return end + 2
      }
      if (end + 1 === data.length) {
        this.#until = end
        this.#pendingCr = true
        return data.length
      }
    }
    if (this.#refusesNewline()) return end + 1
    this.#cut(data, end)
    this.#rewritten.addLineEnd()
    this.#endLine('soft')
    return end + 1
  }

  /** What became of the CR at the end of the octets before; how many of these belong to it. */
  #resolveCr(data: Buffer): number {
    this.#pendingCr = false
    const ended = data[0] === LF
    if (!ended && this.#refusesNewline()) return 0
    this.#out(crlf, false)
    this.#endLine(ended ? 'strict' : 'soft')
    return ended ? 1 : 0
  }

  /** A bare CR or LF. */
  #refusesNewline(): boolean {
    if (this.#options.bareNewlines === 'normalize') return false
    this.#fault = 'bareNewline'
    return true
  }

  /**
   * Octets of a line, without its end. The limit that was passed first is the fault, wherever the
   * pieces end.
   */
  #count(octets: number): void {
    this.#lineBytes += octets
    this.#size += octets
    const { maxLineBytes, maxBytes } = this.#options
    const beyondLine = this.#lineBytes - maxLineBytes
    const beyondText = this.#size - maxBytes
    if (beyondLine > 0 || beyondText > 0)
      this.#fault = beyondLine >= beyondText ? 'lineTooLong' : 'tooLarge'
  }

  #endLine(place: 'strict' | 'soft'): void {
    this.#size += crlf.length
    this.#place = place
    if (this.#size > this.#options.maxBytes) this.#fault = 'tooLarge'
    else if (this.#inHeader) this.#countHeader(this.#lineBytes + crlf.length)
    this.#lineBytes = 0
  }

  #countHeader(length: number): void {
    this.#headerBytes += length
    if (this.#headerBytes > this.#options.maxHeaderBytes) this.#fault = 'headerTooLarge'
    if (length === crlf.length) this.#inHeader = false
  }

  /** Does not pass on an octet. */
  #cut(data: Buffer, at: number): void {
    // Each octet becomes two at most.
    if (this.#rewritten.length === 0) this.#rewritten.begin(2 * data.length)
    this.#rewritten.add(data, this.#from, at)
    this.#from = at + 1
  }

  #passOn(data: Buffer): void {
    const { length } = this.#rewritten
    if (length > 0) this.#rewritten.add(data, this.#from, this.#until)
    const octets = length > 0 ? this.#rewritten.take() : data.subarray(this.#from, this.#until)
    if (octets.length > 0) this.#out(octets, this.#dotted)
  }

  /** Nothing behind a fault is passed on. */
  #skip(octets: Buffer): Buffer | undefined {
    const end = this.#end?.push(octets)
    if (end === undefined) {
      this.#size += octets.length
      return undefined
    }
    // The line that ends it may have begun in the pieces before, and was counted there.
    this.#size += end - '.\r\n'.length
    this.#ended = true
    return octets.subarray(end)
  }
}
