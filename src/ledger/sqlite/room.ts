/**
 * Room in the file: what is too much, or old enough, is removed, the least missed first. Each is
 * removed in a turn of its own.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FactListener } from '../../facts/fact.ts'
import { splitClosed } from '../../split/split-closed.ts'
import { abandonSplit } from '../../split/split-course.ts'
import type { Split } from '../../split/split.ts'
import type { Storage } from './failover.ts'
import { removeSplit, StoreReplacedError } from './write-split.ts'

export interface RoomOptions {
  readonly storage: Storage
  readonly maxSplits: number
  readonly maxBytes: number
  readonly onFact: FactListener
  /** ms since the epoch. */
  readonly clock: () => number
}

/** A split that its writer has not published after this time never will be: the process ended. */
const unpublishedMs = 10 * 60_000

/** When full, this part of the bound is made free at once. */
const freedAtOnce = 0.01

export class Room {
  readonly #options: RoomOptions
  #making: Promise<void> | undefined

  constructor(options: RoomOptions) {
    this.#options = options
  }

  /** Undefined when there is room for one more. */
  make(): Promise<void> | undefined {
    if (this.#making !== undefined) return this.#making
    const { storage, maxSplits, maxBytes } = this.#options
    const totals = storage.run((store) => store.totals())
    if (totals instanceof Promise) return totals.then(() => undefined)
    if (totals.splits < maxSplits && totals.bytes < maxBytes) return undefined
    this.#making = this.#drop().finally(() => {
      this.#making = undefined
    })
    return this.#making
  }

  /** Drops splits until a part of the bound is free. */
  async #drop(): Promise<void> {
    const { storage, maxSplits, maxBytes } = this.#options
    const splitsLeft = Math.min(maxSplits - 1, Math.floor(maxSplits * (1 - freedAtOnce)))
    const bytesLeft = maxBytes * (1 - freedAtOnce)
    for (;;) {
      const { splits, bytes } = await storage.run((store) => store.totals())
      if (splits <= splitsLeft && bytes <= bytesLeft) return
      const dropped = await storage.run((store) => store.leastMissed())
      if (dropped === undefined) return
      await this.#remove(dropped.seq)
      if (dropped.open !== undefined) this.#tellDropped(dropped.open)
    }
  }

  #tellDropped(split: Split): void {
    const { onFact, clock } = this.#options
    const at = clock()
    const fact = splitClosed(abandonSplit(split, at), at)
    if (fact !== undefined) onFact(fact)
  }

  /** Of those closed before `before` at most `limit`; and what nobody will publish any more. */
  async forget(before: number, limit: number): Promise<number> {
    const { storage, clock } = this.#options
    const now = clock()
    let forgotten = 0
    for (; forgotten < limit; forgotten += 1) {
      const seq = await storage.run((store) => store.closedBefore(before))
      if (seq === undefined) break
      await this.#remove(seq)
    }
    for (;;) {
      const seq = await storage.run((store) => store.unpublishedBefore(now - unpublishedMs))
      if (seq === undefined) return forgotten
      await this.#remove(seq)
    }
  }

  /**
   * Removes a split from the store in force; when another takes its place meanwhile, the number
   * means nothing there.
   */
  async #remove(seq: number): Promise<void> {
    const { storage, clock } = this.#options
    await storage.congestion
    try {
      await removeSplit(storage.calls(), seq, clock())
    } catch (error) {
      if (!(error instanceof StoreReplacedError)) throw error
    }
    await nextTurn()
  }
}
