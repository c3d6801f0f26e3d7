/**
 * Reads a backend's replies from its bytes (RFC 5321 4.2). Once the code of a reply is known it is
 * an answer, whatever follows: words are cut where they are too long, and lines where they are too
 * many. As lenient about line ends as Postfix is, strict about codes.
 */
import type { Reply } from './reply.ts'

const LF = 0x0a
const CR = 0x0d
const empty = Buffer.alloc(0)
const beginning = /^[2-5][0-9][0-9](?![0-9])/
/** A whole reply, in which nothing has to be looked at. */
const usual = /^[2-5][0-9][0-9] [^\x00-\x08\x0a-\x1f\x7f]*$/
/** TAB is text (RFC 5321 4.2: textstring). */
const control = /[\x00-\x08\x0a-\x1f\x7f]/
const controls = /[\x00-\x08\x0a-\x1f\x7f]/g

/**
 * RFC 5321 4.5.3.1.5 allows 512 octets a line; real servers send longer ones. What is longer is
 * cut.
 */
export const maxReplyLineBytes = 4096
export const maxReplyLines = 200
/** Of all lines together. */
export const maxReplyTextBytes = 64 * 1024
/** A reply that has not ended after so many octets is waited for no longer. */
export const maxReplyBytes = 1024 * 1024

export class ReplyParser {
  /** Of a line without its end, as far as it is kept. */
  #rest: Buffer = empty
  #code = 0
  /** Of a reply that has more lines. */
  #lines: string[] = []
  #textBytes = 0
  /** Octets of the reply so far, kept or not. */
  #bytes = 0
  /** What came that is no reply, or none that ends: the connection is of no use after that. */
  trouble: string | undefined

  /** The replies that are complete with this chunk. */
  push(chunk: Buffer): Reply[] {
    const usual = this.#usualReplies(chunk)
    if (usual !== undefined) return usual
    const replies: Reply[] = []
    for (let from = 0; from < chunk.length && this.trouble === undefined;) {
      const end = chunk.indexOf(LF, from)
      this.#keep(chunk.subarray(from, end === -1 ? chunk.length : end))
      if (end === -1) break
      const reply = this.#line(this.#takeLine())
      if (reply !== undefined) replies.push(reply)
      from = end + 1
    }
    return replies
  }

  /**
   * Usual replies have one line each, and are all that came: nothing of them has to be kept or
   * changed.
   */
  #usualReplies(chunk: Buffer): Reply[] | undefined {
    const { length } = chunk
    const isNext = this.#rest.length === 0 && this.#bytes === 0 && this.trouble === undefined
    if (!isNext || length > maxReplyLineBytes) return undefined
    if (chunk[length - 1] !== LF || chunk[length - 2] !== CR) return undefined
    const text = chunk.toString('latin1', 0, length - 2)
    if (usual.test(text)) return [usualReply(text)]
    const replies: Reply[] = []
    for (let from = 0; from < length;) {
      const end = text.indexOf('\r\n', from)
      const line = end === -1 ? text.slice(from) : text.slice(from, end)
      if (!usual.test(line)) return undefined
      replies.push(usualReply(line))
      from = end === -1 ? length : end + 2
    }
    return replies
  }

  #keep(octets: Buffer): void {
    const room = maxReplyLineBytes - this.#rest.length
    const kept = octets.length > room ? octets.subarray(0, room) : octets
    this.#rest = this.#rest.length === 0 ? kept : Buffer.concat([this.#rest, kept])
    this.#bytes += octets.length + 1
    if (this.#bytes > maxReplyBytes) this.trouble = 'a reply without an end'
    else if (octets.length > room && this.#lines.length === 0)
      this.#begin(this.#rest.toString('latin1'))
  }

  /** Whether that is the beginning of a reply. */
  #begin(line: string): boolean {
    const begins = beginning.test(line)
    if (!begins) this.trouble = `expected an SMTP reply, got "${line.slice(0, 80)}"`
    return begins
  }

  /** Octets that are kept of an unfinished reply. */
  get pendingBytes(): number {
    return this.#rest.length + this.#textBytes
  }

  /** What is known of the reply that has no end yet: its code, and the words so far. */
  get unfinished(): Reply | undefined {
    const [first, ...more] = this.#lines
    if (first !== undefined) return { code: this.#code, lines: [first, ...more] }
    const line = this.#rest.toString('latin1')
    // Of three digits alone nobody knows whether a fourth was to follow.
    if (line.length < 4 || !beginning.test(line)) return undefined
    return { code: Number(line.slice(0, 3)), lines: [wordsOf(line)] }
  }

  #takeLine(): string {
    const { length } = this.#rest
    const ends = length > 0 && this.#rest[length - 1] === CR ? length - 1 : length
    const line = this.#rest.toString('latin1', 0, ends)
    this.#rest = empty
    return line
  }

  #line(line: string): Reply | undefined {
    const begun = this.#lines.length > 0
    if (!begun && !this.#begin(line)) return undefined
    const coded = beginning.test(line)
    const code = Number(line.slice(0, 3))
    // Two codes for one command: the first one was the answer, and what this one is for nobody can
    // say.
    if (coded && begun && code !== this.#code) {
      this.trouble = `a reply of several lines with two codes, ${this.#code} and ${code}`
      return undefined
    }
    this.#add(coded ? wordsOf(line) : printable(line))
    if (!begun) this.#code = code
    return coded && line[3] !== '-' ? this.#take() : undefined
  }

  #add(text: string): void {
    const first = this.#lines.length === 0
    if (
      !first &&
      (this.#lines.length >= maxReplyLines || this.#textBytes + text.length > maxReplyTextBytes)
    )
      return
    this.#lines.push(text)
    this.#textBytes += text.length
  }

  #take(): Reply {
    const [first = '', ...more] = this.#lines
    this.#lines = []
    this.#textBytes = 0
    this.#bytes = 0
    return { code: this.#code, lines: [first, ...more] }
  }
}

const usualReply = (line: string): Reply => ({
  code: Number(line.slice(0, 3)),
  lines: [line.slice(4)],
})

const separators = new Set([' ', '-', '\t'])

function wordsOf(line: string): string {
  return printable(line.slice(separators.has(line[3] ?? '') ? 4 : 3))
}

/** Control characters of a backend must not reach the client or the log. */
function printable(text: string): string {
  return control.test(text) ? text.replace(controls, '?') : text
}
