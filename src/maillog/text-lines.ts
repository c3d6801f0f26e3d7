/**
 * Octets as lines, one character an octet. A line that is longer than anything which is read is cut
 * there: what is behind it is never kept.
 */

/** Octets of one line: rspamd writes some thousand. */
export const longestLine = 65_536

const lineFeed = 0x0a

export class TextLines {
  #begun = ''
  /** The line under way is too long, and the rest of it is passed over. */
  #skips = false

  /**
   * Each line is a string of its own: a piece of one string of all would keep all of it for as long
   * as anything is remembered of one line.
   */
  push(chunk: Buffer): readonly string[] {
    const lines: string[] = []
    let from = 0
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, from)) {
      if (!this.#skips) lines.push(cut(this.#begun + chunk.toString('latin1', from, end)))
      this.#begun = ''
      this.#skips = false
      from = end + 1
    }
    if (!this.#skips) this.#begun += chunk.toString('latin1', from)
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
