/**
 * Octets as lines, one character an octet. A line that is longer than anything which is read is cut
 * there: what is behind it is never kept.
 */

/** Octets of one line: rspamd writes some thousand. */
export const longestLine = 65_536

export class TextLines {
  #begun = ''
  /** The line under way is too long, and the rest of it is passed over. */
  #skips = false

  push(chunk: Buffer): readonly string[] {
    const text = chunk.toString('latin1')
    const lines: string[] = []
    let from = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      if (!this.#skips) lines.push(cut(this.#begun + text.slice(from, end)))
      this.#begun = ''
      this.#skips = false
      from = end + 1
    }
    if (!this.#skips) this.#begun += text.slice(from)
    if (this.#begun.length > longestLine) {
      lines.push(cut(this.#begun))
      this.#begun = ''
      this.#skips = true
    }
    return lines
  }

  /** The last one has no end. */
  end(): readonly string[] {
    return this.#begun === '' ? [] : [cut(this.#begun)]
  }
}

const cut = (line: string): string =>
  (line.endsWith('\r') ? line.slice(0, -1) : line).slice(0, longestLine)
