/**
 * Of which senders splits may be open, as bits: small enough to have all in memory. It errs on one
 * side only: a sender that was added may be open, whatever else was added.
 */
import { hash } from 'node:crypto'

/** 512 KiB; of 100,000 senders that were added, one in forty others is taken for one of them. */
const bitsLog2 = 22

/** A sender as the server knows it, SENDER in scripts.ts: without blanks, and never longer. */
export const senderKey = (reversePath: string): string =>
  `s${hash('sha1', reversePath, 'base64url')}`

/** The first 24 bits of the hash in four characters of base64url. */
const placeOf = (key: string): number =>
  Buffer.from(key.slice(1, 5), 'base64url').readUIntBE(0, 3) & (2 ** bitsLog2 - 1)

export class OpenSenders {
  readonly #bits = new Uint8Array(2 ** bitsLog2 / 8)
  /** Additions, also of who was there. */
  added = 0

  add(key: string): void {
    const place = placeOf(key)
    this.#bits[place >> 3] = (this.#bits[place >> 3] ?? 0) | (1 << (place & 7))
    this.added += 1
  }

  mayHave(key: string): boolean {
    const place = placeOf(key)
    return ((this.#bits[place >> 3] ?? 0) & (1 << (place & 7))) !== 0
  }
}
