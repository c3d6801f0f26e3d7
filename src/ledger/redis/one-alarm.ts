/**
 * Troubles of several shards as those of one ledger: the same trouble of many is told once, and the
 * end of them all is told when none is left.
 */
import type { FactListener } from '../../facts/fact.ts'

export class OneAlarm {
  readonly #onFact: FactListener
  readonly #inTrouble = new Set<number>()
  readonly #told = new Set<string>()

  constructor(onFact: FactListener) {
    this.#onFact = onFact
  }

  /** For the facts of one shard. */
  listener(shard: number): FactListener {
    return (fact) => {
      if (fact.kind === 'ledgerTrouble') {
        this.#inTrouble.add(shard)
        if (this.#told.has(fact.why)) return
        this.#told.add(fact.why)
      } else if (fact.kind === 'ledgerRecovered') {
        this.#inTrouble.delete(shard)
        if (this.#inTrouble.size > 0) return
        this.#told.clear()
      }
      this.#onFact(fact)
    }
  }
}
