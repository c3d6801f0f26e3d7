/** Reads a backend's replies from its bytes (RFC 5321 4.2). As lenient about line ends as Postfix is, strict about codes and sizes. */
import type { Reply } from './reply.ts'

const LF = 0x0a
const CR = 0x0d
const empty = Buffer.alloc(0)
const beginning = /^[2-5][0-9][0-9](?:[ -]|$)/
const control = /[\x00-\x1f\x7f]/
const controls = /[\x00-\x1f\x7f]/g

/** A backend that sends something else than replies. */
export class ReplySyntaxError extends Error {
  constructor(got: string) {
    super(`expected an SMTP reply, got "${got.slice(0, 80)}"`)
    this.name = 'ReplySyntaxError'
  }
}

/** RFC 5321 4.5.3.1.5 allows 512 octets a line; real servers send longer ones. */
export const maxReplyLineBytes = 4096
export const maxReplyLines = 200

export class ReplyParser {
  #rest: Buffer = empty
  #code = 0
  /** Of a reply that has more lines. */
  #lines: string[] = []

  /** The replies that are complete with this chunk. Throws ReplySyntaxError; the connection is of no use after that. */
  push(chunk: Buffer): Reply[] {
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const replies: Reply[] = []
    let from = 0
    for (let end = data.indexOf(LF, from); end !== -1; end = data.indexOf(LF, from)) {
      const reply = this.#line(data.toString('latin1', from, end > from && data[end - 1] === CR ? end - 1 : end))
      if (reply !== undefined) replies.push(reply)
      from = end + 1
    }
    this.#rest = from === data.length ? empty : data.subarray(from)
    if (this.#rest.length > maxReplyLineBytes) throw new ReplySyntaxError(this.#rest.toString('latin1', 0, 80))
    return replies
  }

  /** Octets of an unfinished reply. */
  get pendingBytes(): number {
    return this.#rest.length
  }

  #line(line: string): Reply | undefined {
    const first = this.#lines.length === 0
    if (!beginning.test(line) || line.length > maxReplyLineBytes || this.#lines.length >= maxReplyLines)
      throw new ReplySyntaxError(line)
    const code = Number(line.slice(0, 3))
    if (!first && code !== this.#code) throw new ReplySyntaxError(line)
    // Control characters of a backend must not reach the client or the log.
    const said = line.slice(4)
    const text = control.test(said) ? said.replace(controls, '?') : said
    if (line[3] !== '-') return { code, lines: this.#takeLines(text) }
    this.#code = code
    this.#lines.push(text)
    return undefined
  }

  #takeLines(last: string): [string, ...string[]] {
    const [first, ...more] = this.#lines
    this.#lines = []
    return first === undefined ? [last] : [first, ...more, last]
  }
}
