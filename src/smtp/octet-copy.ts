/**
 * Octets put together from many pieces, each perhaps only one octet long. They are gathered in one
 * buffer that all share, and leave as a copy of their own: what is done with them next costs as
 * much for each piece as for a long one. Gathering ends before anything else begins.
 */

/** A native copy costs as much as copying so many octets by hand. */
const shortPiece = 24

let shared = Buffer.allocUnsafeSlow(0)

export class OctetCopy {
  #length = 0

  get length(): number {
    return this.#length
  }

  /** `most`: octets that can come in all. */
  begin(most: number): void {
    this.#length = 0
    if (shared.length < most) shared = Buffer.allocUnsafeSlow(most)
  }

  add(data: Buffer, from: number, end: number): void {
    if (from === end) return
    let to = this.#length
    if (end - from < shortPiece) for (let at = from; at < end; at++) shared[to++] = data[at] ?? 0
    else to += data.copy(shared, to, from, end)
    this.#length = to
  }

  addLineEnd(): void {
    shared[this.#length++] = 0x0d
    shared[this.#length++] = 0x0a
  }

  take(): Buffer {
    const octets = Buffer.from(shared.subarray(0, this.#length))
    this.#length = 0
    return octets
  }
}
