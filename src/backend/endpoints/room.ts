/**
 * How many connections an endpoint takes from us, as far as that was learned. An endpoint that
 * turns a connection away while others to it are open is full, and not down: what was open then is
 * its limit. It is remembered, and after a growing time one more is tried, since others may have
 * left meanwhile. The clock comes in, as ms that only grow.
 */

import { setTimeout as pause } from 'node:timers/promises'

/**
 * Other processes that have connections to the same endpoints; what is known of them is a moment
 * old.
 */
export interface Neighbours {
  readonly others: number
  /** What they have under this key, together. */
  elsewhere(key: string): number
  /** What we have has changed by so much. */
  change(key: string, by: number): void
  /** Calls it when something of theirs has changed; gives what ends that. */
  onElsewhere(listener: () => void): () => void
}

export const noNeighbours: Neighbours = {
  others: 0,
  elsewhere: () => 0,
  change: () => undefined,
  onElsewhere: () => () => undefined,
}

export interface RoomOptions {
  /**
   * The wait before one more than the limit is tried; twice as long after each that was turned
   * away.
   */
  readonly moreAfterMs: number
  readonly moreAfterAtMostMs: number
}

/**
 * After one was turned away, another one is not tried at once even where there should be room: a
 * server may count a closed one for a moment.
 */
const restMs = 50
/**
 * So old is what is known of others at most (app/workers/shared-counts.ts), on a machine that is
 * not busy.
 */
const newsMs = 150
/** On one that is: for a server that answers, which is so not down, whatever it says. */
const lateNewsMs = 2000
/** Between two looks at what is known of others. */
const lookMs = 25

export class Room {
  readonly #options: RoomOptions
  readonly #neighbours: Neighbours
  readonly #openKey: string
  readonly #wantedKey: string
  /** Being opened, and open until their sockets are closed. */
  #opening = 0
  #open = 0
  #limit = Infinity
  #restsUntil = -Infinity
  #moreAt = -Infinity
  #turnedAwayAt = -Infinity
  #waitMs = 0

  constructor(endpoint: string, options: RoomOptions, neighbours: Neighbours) {
    this.#options = options
    this.#neighbours = neighbours
    this.#openKey = `backend connections ${endpoint}`
    this.#wantedKey = `backend wanted ${endpoint}`
  }

  /** Infinity while none was learned. */
  get limit(): number {
    return this.#limit
  }

  /** Open here and in other processes. */
  get #all(): number {
    return this.#open + this.#neighbours.elsewhere(this.#openKey)
  }

  /** A connection is being opened; one of the next two follows. */
  begin(): void {
    this.#opening++
  }

  failed(): void {
    this.#opening--
  }

  opened(): void {
    this.#opening--
    this.#open++
    this.#neighbours.change(this.#openKey, 1)
    if (this.#all <= this.#limit) return
    // It takes as many as that at least, and the next one may be tried at once.
    this.#limit = this.#all
    this.#waitMs = 0
    this.#moreAt = -Infinity
  }

  closed(): void {
    this.#open--
    this.#neighbours.change(this.#openKey, -1)
  }

  /** There are others to it, open or about to be. */
  get shared(): boolean {
    return this.#opening > 0 || this.#all > 0
  }

  /**
   * As `shared`, once what others have done before now is known; `answers`: the server has said
   * something itself.
   */
  async isShared(answers: boolean): Promise<boolean> {
    const { others } = this.#neighbours
    const end = performance.now() + (answers ? lateNewsMs : newsMs)
    while (!this.shared && others > 0 && performance.now() < end) await pause(lookMs)
    return this.shared
  }

  /** One that was begun at `begunAt` was turned away, and is counted no more. */
  turnedAway(begunAt: number, now: number): void {
    const { moreAfterMs, moreAfterAtMostMs } = this.#options
    this.#limit = Math.max(1, this.#all)
    // Several that were tried at the same time are one answer.
    if (begunAt >= this.#turnedAwayAt)
      this.#waitMs =
        this.#waitMs === 0 ? moreAfterMs : Math.min(this.#waitMs * 2, moreAfterAtMostMs)
    this.#turnedAwayAt = now
    this.#restsUntil = now + restMs
    this.#moreAt = now + this.#waitMs
  }

  /** One more may be opened now: below the limit, or one at a time to see whether there is more. */
  has(now: number): boolean {
    if (now < this.#restsUntil) return false
    return this.#all + this.#opening < this.#limit || (this.#opening === 0 && now >= this.#moreAt)
  }

  /** So many here wait for one more or for one less. */
  want(change: 1 | -1): void {
    this.#neighbours.change(this.#wantedKey, change)
  }

  /** How many of ours are to be left to others, who wait and have less than their share. */
  get owed(): number {
    const wanted = this.#neighbours.elsewhere(this.#wantedKey)
    if (wanted === 0) return 0
    const share = this.#all / (this.#neighbours.others + 1)
    return Math.max(0, Math.min(wanted, Math.ceil(this.#open - share)))
  }
}
