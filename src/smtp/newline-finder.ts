/**
 * Finds the next CR or LF, at a cost that goes with the octets and not with the newlines: a text
 * may be nothing but newlines. The first octets are looked at one by one, which costs less than a
 * native search; what is longer is searched natively, no octet twice.
 */

const LF = 0x0a
const CR = 0x0d
const looked = 32
const nothing = Buffer.alloc(0)

export class NewlineFinder {
  #data: Buffer = nothing
  /** Where the next ones are at the earliest; what lies before was asked for already. */
  #cr = -1
  #lf = -1

  /** Octets to look at from now on. */
  use(data: Buffer): void {
    this.#data = data
    this.#cr = this.#lf = -1
  }

  /** At or behind `at`, which never goes back; the length of the octets where there is none. */
  next(at: number): number {
    const data = this.#data
    const end = Math.min(at + looked, data.length)
    for (let from = at; from < end; from++) {
      const octet = data[from]
      if (octet === LF || octet === CR) return from
    }
    if (end === data.length) return end
    if (this.#cr < end) this.#cr = find(data, CR, end)
    if (this.#lf < end) this.#lf = find(data, LF, end)
    return Math.min(this.#cr, this.#lf)
  }
}

function find(data: Buffer, octet: number, from: number): number {
  const found = data.indexOf(octet, from)
  return found === -1 ? data.length : found
}
