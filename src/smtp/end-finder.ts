/**
 * Where a text ends that nobody reads any more: behind CRLF.CRLF, in any pieces. One native search
 * for each.
 */

const endOfText = Buffer.from('\r\n.\r\n')

export class EndFinder {
  /** The last octets, in which the end may have begun. */
  #tail: Buffer

  /** `before`: what stood before the octets to come, as far as it matters. */
  constructor(before: '' | '\r\n') {
    this.#tail = Buffer.from(before)
  }

  /**
   * How many octets of `chunk` belong to the text, its end included; undefined: all of them, and
   * there are more.
   */
  push(chunk: Buffer): number | undefined {
    const seam = Buffer.concat([this.#tail, chunk])
    const found = seam.indexOf(endOfText)
    if (found !== -1) return found + endOfText.length - this.#tail.length
    this.#tail = Buffer.from(seam.subarray(Math.max(0, seam.length - endOfText.length + 1)))
    return undefined
  }
}
