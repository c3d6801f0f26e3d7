/**
 * The rounds in which the ledger gives up what nobody comes back to. One process of those that
 * share a ledger is enough.
 */
import type { Config } from '../config/config.ts'
import type { FactListener } from '../facts/fact.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { type MissingCount, noteMissing } from '../ledger/missing.ts'
import { sweep } from '../ledger/sweep.ts'
import { type LearnedCount, nobodyLearned, reviewSenders } from '../peers/learning.ts'
import { SetForward } from './set-forward.ts'

export interface SweepingOptions {
  readonly ledger: Ledger
  /** The one that is in force. */
  readonly config: () => Config
  readonly onFact: FactListener
  readonly now: () => number
  /** ms since any moment; a clock that nobody can set. */
  readonly steady: () => number
}

const sweepEveryMs = 60_000

export interface Sweeping {
  /** Deferred recipients whom nobody offers again, as the last round has counted them. */
  missing(): readonly MissingCount[]
  /** How many senders `auto` serves how, counted in the same round. */
  learned(): readonly LearnedCount[]
  stop(): void
}

/** Begins them; `stop` ends them. A round that fails is made up for by the next. */
export function startSweeping({ ledger, config, onFact, now, steady }: SweepingOptions): Sweeping {
  let missing: readonly MissingCount[] = []
  let learned = nobodyLearned
  const forward = new SetForward({ now, steady })
  const round = async (): Promise<void> => {
    const { patienceMs, keepMs, missingAfterMs } = config().ledger
    const aheadMs = forward.within(patienceMs)
    const options = {
      ledger,
      patienceMs: patienceMs + aheadMs,
      keepMs: keepMs + aheadMs,
      missingAfterMs: missingAfterMs + aheadMs,
      onFact,
      now,
    }
    await sweep(options)
    missing = await noteMissing(options)
    learned = await reviewSenders(ledger.senders, now())
  }
  const timer = setInterval(() => {
    void round().catch(() => undefined)
  }, sweepEveryMs)
  return { missing: () => missing, learned: () => learned, stop: () => clearInterval(timer) }
}
