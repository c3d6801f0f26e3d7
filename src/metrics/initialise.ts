/**
 * Series that are known in advance, exported as 0: a rate over a series that appears with its first event misses that
 * event, and an alert on a series that is absent never fires.
 */
import type { StrategyName } from '../strategy/names.ts'
import type { Metrics } from './registry.ts'

const modes = ['prdr', 'plain', 'split']
const transactionOutcomes = ['accepted', 'mixed', 'refused', 'deferred', 'aborted']
const verdicts = ['accept', 'tag', 'quarantine', 'reject', 'defer']
const splitOutcomes = ['completed', 'forgiven', 'abandoned']

/** Of each peer class, with the strategy in force for it. May be called again, for instance for an override: nothing is lost. */
export function initialise(
  metrics: Metrics,
  peers: readonly { readonly name: string; readonly strategy: StrategyName }[],
): void {
  for (const result of ['loaded', 'kept']) metrics.policyReloadsTotal.inc({ result }, 0)
  for (const { name: peer, strategy } of peers) {
    for (const tls of ['yes', 'no']) {
      metrics.sessionsTotal.inc({ peer, tls }, 0)
      metrics.sessionsOpen.inc({ peer, tls }, 0)
    }
    for (const mode of modes)
      for (const outcome of transactionOutcomes) metrics.transactionsTotal.inc({ peer, mode, outcome }, 0)
    for (const verdict of verdicts) metrics.recipientsTotal.inc({ peer, verdict }, 0)
    metrics.duplicatesSuppressedTotal.inc({ peer }, 0)
    initialiseStrategy(metrics, peer, strategy)
  }
}

/** Series of one peer class under one strategy, once; before the first event of that pair, because `zero` forgets. */
export function initialiseStrategy(metrics: Metrics, peer: string, strategy: StrategyName): void {
  const key = `${peer} ${strategy}`
  if (metrics.knownSplits.has(key)) return
  const labels = { peer, strategy }
  metrics.knownSplits.set(key, labels)
  metrics.forcedRetriesTotal.inc(labels, 0)
  metrics.retryDelaySeconds.zero(labels)
  metrics.splitDurationSeconds.zero(labels)
  metrics.splitsOpenedTotal.inc(labels, 0)
  metrics.abandonedRecipientsTotal.inc(labels, 0)
  for (const outcome of splitOutcomes) metrics.splitsTotal.inc({ ...labels, outcome }, 0)
}
