/**
 * Who may stay when many are connected. Health has to be answered whoever else holds connections,
 * with half a request or with none at all: so nobody is turned away at the door, and the one that
 * has waited longest for its next request leaves. A probe that connects and asks is the newest, and
 * is answered before it could be the oldest.
 */

export interface Guest {
  once(event: 'close', listener: () => void): unknown
  destroy(): unknown
}

export class ConnectionRoom<Of extends Guest> {
  readonly #most: number
  /** Without a whole request, the longest first. */
  readonly #waiting = new Set<Of>()
  /** They are being answered, the longest first: those that do not read their answer, too. */
  readonly #answered = new Set<Of>()

  constructor(most: number) {
    this.#most = most
  }

  enter(guest: Of): void {
    this.#waiting.add(guest)
    guest.once('close', () => this.#leave(guest))
    if (this.#waiting.size + this.#answered.size <= this.#most) return
    const [longest] = this.#waiting
    const [answered = longest] = this.#answered
    const leaves = longest === guest ? answered : longest
    if (leaves === undefined) return
    this.#leave(leaves)
    leaves.destroy()
  }

  /** Its request is whole, and gets its answer. */
  begin(guest: Of): void {
    if (this.#waiting.delete(guest)) this.#answered.add(guest)
  }

  /** Its answer is out: it waits anew. */
  end(guest: Of): void {
    if (this.#answered.delete(guest)) this.#waiting.add(guest)
  }

  #leave(guest: Of): void {
    this.#waiting.delete(guest)
    this.#answered.delete(guest)
  }
}
