/**
 * Of which senders splits may be open, as bits: small enough to have all in memory. It errs on one
 * side only: a sender that was added may be open, whatever else was added.
 */
import { hash } from 'node:crypto'

/** 512 KiB; of 100,000 senders that were added, one in forty others is taken for one of them. */
const allBits = 2 ** 22

/** A sender as the server knows it, SENDER in scripts.ts: without blanks, and never longer. */
export const senderKey = (reversePath: string): string =>
  `s${hash('sha1', reversePath, 'base64url')}`

/** 24 bits of the hash, which are four characters of base64url. */
const bitsAt = (key: string, at: number): number =>
  Buffer.from(key.slice(at, at + 4), 'base64url').readUIntBE(0, 3)

/** Which of the shards has what is open of the sender. */
export const shardOf = (key: string, shards: number): number => bitsAt(key, 5) % shards

export class OpenSenders {
  readonly #bits: Uint8Array
  /** Additions, also of who was there. */
  added = 0

  /** For the senders of one of so many shards. */
  constructor(shards: number) {
    this.#bits = new Uint8Array(Math.ceil(allBits / shards / 8))
  }

  add(key: string): void {
    const place = this.#placeOf(key)
    this.#bits[place >> 3] = (this.#bits[place >> 3] ?? 0) | (1 << (place & 7))
    this.added += 1
  }

  mayHave(key: string): boolean {
    const place = this.#placeOf(key)
    return ((this.#bits[place >> 3] ?? 0) & (1 << (place & 7))) !== 0
  }

  #placeOf(key: string): number {
    return bitsAt(key, 1) % (this.#bits.length * 8)
  }
}
