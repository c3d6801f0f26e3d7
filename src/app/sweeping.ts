/**
 * The rounds in which the ledger gives up what nobody comes back to. One process of those that
 * share a ledger is enough.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config/config.ts'
import type { FactListener } from '../facts/fact.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { type MissingCount, noteMissing } from '../ledger/missing.ts'
import { sweep, type SweepOptions } from '../ledger/sweep.ts'
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
  /** Between two looks; a minute unless set. */
  readonly everyMs?: number
}

const sweepEveryMs = 60_000
/**
 * While there is more to give up than one round takes, the next one comes after so many times as
 * long as the last one took: the sweeping takes a fifth of the time at most, and keeps up with as
 * many splits as that allows.
 */
const pauseFactor = 4

export interface Sweeping {
  /** Deferred recipients whom nobody offers again, as the last round has counted them. */
  missing(): readonly MissingCount[]
  /** How many senders `auto` serves how, counted in the same round. */
  learned(): readonly LearnedCount[]
  stop(): void
}

/** Begins them; `stop` ends them. A round that fails is made up for by the next. */
export function startSweeping({
  ledger,
  config,
  onFact,
  now,
  steady,
  everyMs = sweepEveryMs,
}: SweepingOptions): Sweeping {
  const ended = new AbortController()
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
    await sweepAll(options)
    missing = await noteMissing(options)
    learned = await reviewSenders(ledger.senders, now())
  }
  /** Until nothing is left, or the program ends. */
  const sweepAll = async (options: SweepOptions): Promise<void> => {
    for (;;) {
      const began = performance.now()
      const more = await sweep(options)
      if (!more || ended.signal.aborted) return
      const pauseMs = pauseFactor * (performance.now() - began)
      await sleep(pauseMs, undefined, { ref: false, signal: ended.signal })
    }
  }
  let underWay = false
  const timer = setInterval(() => {
    if (underWay) return
    underWay = true
    void round()
      .catch(() => undefined)
      .finally(() => (underWay = false))
  }, everyMs)
  return {
    missing: () => missing,
    learned: () => learned,
    stop: () => {
      clearInterval(timer)
      ended.abort()
    },
  }
}
