/**
 * Of which senders splits may be open, as bits: small enough to have all in memory. It errs on one
 * side only: a sender that was added may be open, whatever else was added.
 */

/** 512 KiB; of 100,000 senders that were added, one in forty others is taken for one of them. */
const allBits = 2 ** 22

/** So many additions are too many for the bits to stay useful: all is read anew then. */
const fewAdditions = 50_000

export class SenderBits {
  readonly #bits: Uint8Array
  readonly #few: number
  /** Additions, also of who was there. */
  #added = 0
  /** Of these when all had just been read. */
  #read = Infinity

  /** For the senders of one of so many shards. */
  constructor(shards: number) {
    this.#bits = new Uint8Array(Math.ceil(allBits / shards / 8))
    this.#few = fewAdditions / shards
  }

  /** `hash`: of the sender, a whole number that is not negative. */
  add(hash: number): void {
    const place = hash % (this.#bits.length * 8)
    this.#bits[place >> 3] = (this.#bits[place >> 3] ?? 0) | (1 << (place & 7))
    this.#added += 1
  }

  mayHave(hash: number): boolean {
    const place = hash % (this.#bits.length * 8)
    return ((this.#bits[place >> 3] ?? 0) & (1 << (place & 7))) !== 0
  }

  /** All senders are in it now. */
  wasRead(): void {
    this.#read = this.#added
  }

  /** Too much was added since all were read. */
  get isCrowded(): boolean {
    return this.#added - this.#read > this.#few + this.#read
  }
}
