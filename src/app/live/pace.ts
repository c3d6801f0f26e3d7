/**
 * How many messages a process tells live within a second: more than people can read, and so few
 * that a thousand messages a second cost no more than a hundred. What is not told is counted, and
 * `totals` have all of it.
 */
import type { Fact } from '../../facts/fact.ts'
import { isForcedRetry } from '../../facts/transaction.ts'

/** A second, of messages that went as usual, and of others. */
export const mostASecond = { usual: 25, notable: 50 } as const

const secondMs = 1000

export class Pace {
  readonly #now: () => number
  #since = 0
  #told = { usual: 0, notable: 0 }

  constructor(now: () => number) {
    this.#now = now
  }

  /** Whether it is told; counts it then. */
  allows(fact: Fact): boolean {
    if (fact.kind !== 'transactionEnded') return true
    const usual =
      fact.outcome === 'accepted' && fact.mode !== 'split' && !fact.recipients.some(isForcedRetry)
    const kind = usual ? 'usual' : 'notable'
    const now = this.#now()
    if (now - this.#since >= secondMs) {
      this.#since = now
      this.#told = { usual: 0, notable: 0 }
    }
    if (this.#told[kind] >= mostASecond[kind]) return false
    this.#told[kind]++
    return true
  }
}
