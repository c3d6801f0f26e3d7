/**
 * Octets for a text that is some megabytes each time: those of the last one, once it has been sent.
 * New ones would cost more than what is written to them. Half as many again are taken, because the
 * text grows, and the system gives memory only for what is written.
 */
export interface TakenRoom {
  /** Gives at least so many octets, for one text. */
  readonly room: (length: number) => Buffer
  /** The text is not read any more. */
  readonly done: () => void
}

export class Room {
  #spare: Buffer | undefined

  take(): TakenRoom {
    let octets: Buffer | undefined
    return {
      room: (length) => {
        octets = this.#spare
        this.#spare = undefined
        if (octets === undefined || octets.length < length)
          octets = Buffer.allocUnsafeSlow(length + (length >> 1))
        return octets
      },
      done: () => {
        this.#spare = octets ?? this.#spare
        octets = undefined
      },
    }
  }
}
