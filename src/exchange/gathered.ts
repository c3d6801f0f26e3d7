/**
 * Octets that come in pieces and are read as one: however small the pieces are, each octet is
 * copied and searched a few times at most.
 */
const empty = Buffer.alloc(0)
const leastRoom = 1024

export class Gathered {
  /** Never written to where it was given to us: what comes behind it goes into one of our own. */
  #octets: Buffer = empty
  #from = 0
  #to = 0
  /** Octets of what is there in which no `find` has found anything. */
  #searched = 0

  get length(): number {
    return this.#to - this.#from
  }

  /** The octets are ours from now on: nobody writes to them any more. */
  append(piece: Buffer): void {
    if (this.length === 0) {
      this.#octets = piece
      this.#from = 0
      this.#to = piece.length
      return
    }
    if (this.#to + piece.length > this.#octets.length) this.#grow(piece.length)
    piece.copy(this.#octets, this.#to)
    this.#to += piece.length
  }

  #grow(by: number): void {
    const grown = Buffer.allocUnsafe(2 * Math.max(leastRoom, this.length + by))
    this.#octets.copy(grown, 0, this.#from, this.#to)
    this.#to -= this.#from
    this.#from = 0
    this.#octets = grown
  }

  /** The first of so many octets, at most; they stay. */
  peek(octets: number): Buffer {
    return this.#octets.subarray(this.#from, Math.min(this.#from + octets, this.#to))
  }

  /** The same, and they are not there any more. */
  take(octets: number): Buffer {
    const taken = this.peek(octets)
    this.#from += taken.length
    this.#searched = 0
    return taken
  }

  /**
   * Where it stands; -1: not yet. What was searched is not searched again: ask for the same until
   * something is taken.
   */
  find(sought: Buffer): number {
    const from = this.#from + Math.max(0, this.#searched - sought.length + 1)
    const at = this.peek(this.length).indexOf(sought, from - this.#from)
    if (at === -1) this.#searched = this.length
    return at
  }
}
