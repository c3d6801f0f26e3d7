/** Reads a backend's replies from its bytes (RFC 5321 4.2). As lenient about line ends as Postfix is, strict about codes and sizes. */
import type { Reply } from './reply.ts'

const LF = 0x0a
const replyLine = /^([2-5][0-9][0-9])(?:([ -])(.*))?$/s

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
  #rest: Buffer = Buffer.alloc(0)
  #code = 0
  #lines: string[] = []

  /** The replies that are complete with this chunk. Throws ReplySyntaxError; the connection is of no use after that. */
  push(chunk: Buffer): Reply[] {
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const replies: Reply[] = []
    let from = 0
    for (let end = data.indexOf(LF, from); end !== -1; end = data.indexOf(LF, from)) {
      const reply = this.#line(data.toString('latin1', from, end).replace(/\r$/, ''))
      if (reply !== undefined) replies.push(reply)
      from = end + 1
    }
    this.#rest = data.subarray(from)
    if (this.#rest.length > maxReplyLineBytes) throw new ReplySyntaxError(this.#rest.toString('latin1', 0, 80))
    return replies
  }

  /** Octets of an unfinished reply. */
  get pendingBytes(): number {
    return this.#rest.length
  }

  #line(line: string): Reply | undefined {
    const match = replyLine.exec(line)
    const code = Number(match?.[1])
    if (match === null || line.length > maxReplyLineBytes || this.#lines.length >= maxReplyLines)
      throw new ReplySyntaxError(line)
    if (this.#lines.length > 0 && code !== this.#code) throw new ReplySyntaxError(line)
    this.#code = code
    // Control characters of a backend must not reach the client or the log.

    this.#lines.push((match[3] ?? '').replace(/[\x00-\x1f\x7f]/g, '?'))
    if (match[2] === '-') return undefined
    const [first = '', ...more] = this.#lines
    this.#lines = []
    return { code, lines: [first, ...more] }
  }
}
