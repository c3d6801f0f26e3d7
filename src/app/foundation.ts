/**
 * What every process of Rcptwise stands on, whether it keeps house, takes mail or does both: where
 * facts go, what is counted, the ledger, and what is learned of senders.
 */
import type { Config } from '../config/config.ts'
import type { History } from '../history/history.ts'
import { known } from '../known.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { metricsFromFacts } from '../metrics/from-facts.ts'
import { initialise } from '../metrics/initialise.ts'
import { createMetrics, type Metrics, type ScrapeSources } from '../metrics/registry.ts'
import { learnFromFacts } from '../peers/learning.ts'
import { strategyInForce } from '../peers/overrides.ts'
import type { ConfigurableStrategy, StrategyName } from '../strategy/names.ts'
import type { FactHub } from './fact-hub.ts'
import { historyOf } from './history.ts'
import { judgeNames } from './judge.ts'
import { sourceName } from './policy-source.ts'
import { openLedger } from './ledger.ts'
import { timedLedger } from './timed-ledger.ts'

export interface FoundationOptions {
  /** Where they go; whoever listens already hears of everything first. */
  readonly facts: FactHub
  readonly now: () => number
  /** Default process metrics; off where several apps share a process. */
  readonly processMetrics?: boolean | undefined
  /** Which of several processes this is, in what Node.js tells of it. */
  readonly worker?: string
}

export interface Foundation extends AsyncDisposable {
  readonly facts: FactHub
  readonly metrics: Metrics
  readonly ledger: Ledger
  /** Absent when none is kept. */
  readonly history?: History
  readonly now: () => number
  /** What is read when somebody asks for the metrics; besides what was named before. */
  readAtScrape(sources: ScrapeSources): void
  /** Of each peer class of a configuration: its series are there before the first event. */
  initialiseMetrics(config: Config): void
  readonly strategies: (config: Config) => readonly StrategyOfPeer[]
}

interface StrategyOfPeer {
  readonly peer: string
  readonly name: string
  readonly strategy: ConfigurableStrategy
  readonly shadow?: StrategyName
}

/** Rejects when the ledger can't be used; whoever hears of facts has heard why then. */
export async function openFoundation(
  config: Config,
  { facts, now, processMetrics = true, worker }: FoundationOptions,
): Promise<Foundation> {
  const sources: ScrapeSources = {}
  const metrics = createMetrics(sources, {
    processMetrics,
    ...(worker !== undefined && { worker }),
  })
  const readsForAll = worker === undefined || worker === '1'
  const isWorker = worker !== undefined && worker !== 'primary'
  facts.add(metricsFromFacts(metrics, { readsForAll }))
  // The metrics hear of it when it can't be opened.
  const store = await openLedger(config, { onFact: facts.tell, clock: now, isWorker })
  facts.add(learnFromFacts({ senders: store.senders, onFact: facts.tell }))
  metrics.startedSeconds.set(now() / 1000)
  metrics.configLoadedSeconds.set(now() / 1000)
  const history = historyOf(config, { worker, onFact: facts.tell, now })
  if (history !== undefined) facts.add(history.onFact)
  if (history !== undefined) sources.unwritten = () => history.unwritten()
  const strategies = ({ peers }: Config): readonly StrategyOfPeer[] =>
    peers.map(({ name, strategy, shadow }) => ({
      peer: name,
      name,
      ...known({ shadow }),
      strategy: strategyInForce({ name, strategy }, store.overrides(), now()),
    }))
  return {
    facts,
    metrics,
    ledger: timedLedger(store, metrics),
    now,
    readAtScrape: (more) => Object.assign(sources, more),
    initialiseMetrics(for_) {
      // A worker counts on what the primary has: a series that it does not tell is 0.
      if (worker !== undefined) return
      initialise(metrics, strategies(for_), {
        observes: for_.mode === 'observe',
        judges: judgeNames(for_),
        policySources: [...for_.recipients.sources, ...for_.recipients.aliases].map(sourceName),
      })
    },
    strategies,
    ...known({ history }),
    async [Symbol.asyncDispose]() {
      await history?.close()
      await store.close()
    },
  }
}
