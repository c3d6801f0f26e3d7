/**
 * How often something may happen per key (an address, a network): a token bucket each, bounded in
 * number. Pure; time is given.
 */

export interface Rate {
  /** So many at once, and so many again over `perMs`. */
  readonly count: number
  readonly perMs: number
}

interface Bucket {
  tokens: number
  at: number
}

/**
 * Keys that are remembered; the one not seen for longest is forgotten first, which only ever lets
 * more through.
 */
const defaultMaxKeys = 100_000

export class RateLimiter {
  readonly #rate: Rate
  readonly #maxKeys: number
  /** In the order of last use. */
  readonly #buckets = new Map<string, Bucket>()

  constructor(rate: Rate, maxKeys = defaultMaxKeys) {
    this.#rate = rate
    this.#maxKeys = maxKeys
  }

  /** Whether something is there, without taking it. */
  has(key: string, now: number): boolean {
    const bucket = this.#buckets.get(key)
    return bucket === undefined || this.#tokens(bucket, now) >= 1
  }

  #tokens(bucket: Bucket, now: number): number {
    const { count, perMs } = this.#rate
    return Math.min(count, bucket.tokens + (Math.max(0, now - bucket.at) * count) / perMs)
  }

  /**
   * Takes `amount` if it is there. `now`: ms since any epoch; a clock that is set back gives
   * nothing and takes nothing.
   */
  take(key: string, now: number, amount = 1): boolean {
    const bucket = this.#touch(key, now)
    if (bucket.tokens < amount) return false
    bucket.tokens -= amount
    return true
  }

  /**
   * So much was taken elsewhere, there or not: what is too much is made up for before there is
   * more. Negative: it was given back.
   */
  drain(key: string, now: number, amount: number): void {
    this.#touch(key, now).tokens -= amount
  }

  #touch(key: string, now: number): Bucket {
    const bucket = this.#buckets.get(key) ?? { tokens: this.#rate.count, at: now }
    bucket.tokens = this.#tokens(bucket, now)
    bucket.at = now
    this.#buckets.delete(key)
    this.#buckets.set(key, bucket)
    if (this.#buckets.size > this.#maxKeys) {
      const [oldest] = this.#buckets.keys()
      if (oldest !== undefined) this.#buckets.delete(oldest)
    }
    return bucket
  }

  /** Keys of which something was taken that is not there again, and how much. */
  *missing(now: number): Iterable<readonly [key: string, amount: number]> {
    for (const [key, bucket] of this.#buckets) {
      const amount = this.#rate.count - this.#tokens(bucket, now)
      if (amount > 0) yield [key, amount]
    }
  }

  get keys(): number {
    return this.#buckets.size
  }
}
