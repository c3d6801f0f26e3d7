/** Collects a header section while the text streams by. */

const endOfHeader = Buffer.from('\r\n\r\n')
/** A longer one is not read. Real ones have some ten KiB. */
export const headerLimitBytes = 256 * 1024

export class HeaderSection {
  #octets = Buffer.alloc(0)
  #length = 0
  #end: number | undefined

  /** Its empty line has come, or more octets than are read. */
  get complete(): boolean {
    return this.#end !== undefined
  }

  /** What has come of it; undefined when it is too long to be read. */
  get header(): Buffer | undefined {
    const end = this.#end ?? this.#length
    return end > headerLimitBytes ? undefined : this.#octets.subarray(0, end)
  }

  push(chunk: Buffer): void {
    if (this.#end !== undefined) return
    this.#keep(chunk)
    // The beginning of a text counts as the end of a line.
    if (this.#length >= 2 && this.#octets.subarray(0, 2).equals(endOfHeader.subarray(0, 2)))
      this.#end = 0
    else {
      const from = Math.max(0, this.#length - chunk.length - endOfHeader.length + 1)
      const found = this.#octets.subarray(0, this.#length).indexOf(endOfHeader, from)
      if (found !== -1) this.#end = found + 2
      else if (this.#length > headerLimitBytes) this.#end = this.#length
    }
  }

  /** In one piece that grows: a text may come octet by octet. */
  #keep(chunk: Buffer): void {
    const needed = this.#length + chunk.length
    if (needed > this.#octets.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#octets.length))
      this.#octets.copy(larger, 0, 0, this.#length)
      this.#octets = larger
    }
    chunk.copy(this.#octets, this.#length)
    this.#length = needed
  }
}
