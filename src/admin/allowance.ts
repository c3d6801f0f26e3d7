/**
 * How often somebody may do something within a minute, by who it is. Bounded: when too many are
 * known, the one that was first known is forgotten. Pure but for the clock that it is given.
 */

const minuteMs = 60_000
const mostKnown = 10_000

interface Used {
  readonly since: number
  count: number
}

export class Allowance {
  readonly #perMinute: number
  readonly #now: () => number
  readonly #used = new Map<string, Used>()

  constructor(perMinute: number, now: () => number) {
    this.#perMinute = perMinute
    this.#now = now
  }

  /** Seconds until there is some again; 0: there is some left. */
  waitSeconds(who: string): number {
    const used = this.#current(who)
    if (used === undefined || used.count < this.#perMinute) return 0
    return Math.ceil((used.since + minuteMs - this.#now()) / 1000)
  }

  take(who: string): void {
    const used = this.#current(who)
    if (used !== undefined) used.count++
    else {
      const [first] = this.#used.keys()
      if (this.#used.size >= mostKnown && first !== undefined) this.#used.delete(first)
      this.#used.set(who, { since: this.#now(), count: 1 })
    }
  }

  #current(who: string): Used | undefined {
    const used = this.#used.get(who)
    if (used === undefined || this.#now() - used.since < minuteMs) return used
    this.#used.delete(who)
    return undefined
  }
}
