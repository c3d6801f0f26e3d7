/**
 * What several processes with the same limits tell one another. Each decides at once by what it has
 * heard so far, so what comes to several of them within the time that telling takes can go beyond a
 * limit.
 */

/**
 * Numbers that are added up over all processes: sessions, octets, connections to servers behind.
 */
export interface SharedCounts {
  /** What the others have under this key. */
  elsewhere(key: string): number
  /** What we have has changed by so much. */
  change(key: string, by: number): void
}

export interface WatchedCounts extends SharedCounts {
  /** Other processes that take part. */
  readonly others: number
  /** Calls it when something that others have has changed; gives what ends that. */
  onElsewhere(listener: () => void): () => void
}

/** So many at once, and so many again over `perMs`; for each key by itself. */
export interface SharedRate {
  readonly name: string
  readonly count: number
  readonly perMs: number
}

/** Called with what others have taken from a rate; negative when they gave it back. */
export type RateListener = (rate: SharedRate, key: string, amount: number) => void

export interface SharedRates {
  /** So many were taken here. */
  took(rate: SharedRate, key: string, amount: number): void
  onElsewhere(listener: RateListener): void
}

export interface SharedLimits {
  readonly counts: WatchedCounts
  readonly rates: SharedRates
}

/** There is one process. */
export const alone: SharedLimits = {
  counts: {
    others: 0,
    elsewhere: () => 0,
    change: () => undefined,
    onElsewhere: () => () => undefined,
  },
  rates: { took: () => undefined, onElsewhere: () => undefined },
}
