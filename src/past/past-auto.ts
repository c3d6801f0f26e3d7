/**
 * What `auto` would have made of past mail: `late`, until a sender has lost a message to a
 * deferral. Nothing else that it learns changes how it serves a sender that comes back. Pure.
 */
import { chooseStrategy } from '../strategy/auto.ts'
import type { StrategyName } from '../strategy/names.ts'
import type { Cost } from './play.ts'
import { removeOldest } from './returns.ts'
import type { SenderTimes } from './sender-model.ts'

/** Senders that are known to have lost a message. */
const mostKnown = 50_000

interface Offered {
  readonly sender: string
  /** ms since the epoch. */
  readonly at: number
  readonly vouched: boolean
  readonly times: SenderTimes
  readonly costs: readonly Cost[]
}

export class PastAuto {
  /** When each was known to have lost one. */
  readonly #lostAt = new Map<string, number>()
  readonly #missingAfterMs: number

  constructor(missingAfterMs: number) {
    this.#missingAfterMs = missingAfterMs
  }

  /** As which strategy this message is served; what comes of it counts from the next one on. */
  serve({ sender, at, vouched, times, costs }: Offered): StrategyName {
    const isKnown = (this.#lostAt.get(sender) ?? Infinity) <= at
    const learned = isKnown ? { lessons: { deferred: 1, failed: 1 } } : undefined
    const { strategy } = chooseStrategy(learned, vouched)
    const cost = costs.find((one) => one.strategy === strategy)
    const isLost = (cost?.attempts ?? 1) > 1 && times.retryAfter(1) === undefined
    if (vouched && isLost && !this.#lostAt.has(sender)) {
      if (this.#lostAt.size >= mostKnown) removeOldest(this.#lostAt)
      this.#lostAt.set(sender, at + this.#missingAfterMs)
    }
    return strategy
  }
}
