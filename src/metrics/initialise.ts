/**
 * Series that are known in advance, exported as 0: a rate over a series that appears with its first
 * event misses that event, and an alert on a series that is absent never fires.
 */
import type { Fact } from '../facts/fact.ts'
import type { BounceResult } from '../facts/bounces.ts'
import type { LimitName, SessionEnd } from '../facts/sessions.ts'
import type { TransactionFact } from '../facts/transaction.ts'
import { type ConfigurableStrategy, type StrategyName, strategyNames } from '../strategy/names.ts'
import type { Metrics } from './registry.ts'

type JudgeResult = Extract<Fact, { kind: 'judged' }>['result']

const modes = ['prdr', 'plain', 'split']
const transactionOutcomes = ['accepted', 'mixed', 'refused', 'deferred', 'aborted']
const verdicts = ['accept', 'tag', 'quarantine', 'reject', 'defer']
const returnPlaces = ['same_connection', 'same_address', 'other_address']
const splitOutcomes = ['completed', 'forgiven', 'abandoned']
/** By name, so that none can be forgotten here. */
const bounces: Readonly<Record<BounceResult, true>> = {
  reported: true,
  failed: true,
  automatic: true,
  unvouched: true,
  limited: true,
  undeliverable: true,
}
const judgements: Readonly<Record<JudgeResult, true>> = {
  scored: true,
  forced: true,
  silent: true,
  failed: true,
}
const judgeResults = Object.keys(judgements)
const bounceResults = Object.keys(bounces)
const guesses: Readonly<Record<NonNullable<TransactionFact['guess']>, true>> = {
  right: true,
  wrong: true,
  untold: true,
}
const guessResults = Object.keys(guesses)
/** By name, so that a limit can't be forgotten here. */
const limits: Readonly<Record<LimitName, true>> = {
  sessions: true,
  sessions_per_address: true,
  sessions_per_network: true,
  sessions_of_class: true,
  connections_per_minute: true,
  messages_per_minute: true,
  recipients_per_minute: true,
  errors_per_minute: true,
  bounces_per_hour: true,
  proxy_header: true,
  message_size: true,
  recipients: true,
  text_line: true,
  header: true,
  transactions_per_session: true,
  errors_per_session: true,
  text_minimum_rate: true,
  authenticated_connections: true,
  total_memory: true,
  total_disk: true,
  open_splits: true,
  open_splits_per_sender: true,
  open_split_bytes_per_sender: true,
  open_splits_per_client: true,
}
export const limitNames: readonly string[] = Object.keys(limits)
/** By name, so that the metric knows each end that a session can have, and no other. */
const ends: Readonly<Record<SessionEnd, true>> = {
  quit: true,
  lost: true,
  idle: true,
  'text timeout': true,
  'early talker': true,
  pipelining: true,
  'stray byte': true,
  foreign: true,
  errors: true,
  transactions: true,
  'bad BDAT': true,
  auth: true,
  'auth line': true,
  tls: true,
  shutdown: true,
}
export const sessionEnds: readonly string[] = Object.keys(ends)

/** Parts of a configuration whose name is a label. */
export interface Named {
  readonly judges?: readonly string[]
  readonly policySources?: readonly string[]
  /** Nothing else is done. */
  readonly observes?: boolean
}

interface NamedPeer {
  readonly name: string
  readonly strategy: ConfigurableStrategy
  /** Another one, whose cost is counted without its being done. */
  readonly shadow?: StrategyName
}

/**
 * Of each peer class, with the strategy in force for it, and of the judges. May be called again,
 * for instance for an override: nothing is lost.
 */
export function initialise(
  metrics: Metrics,
  peers: readonly NamedPeer[],
  { judges = [], policySources = [], observes = false }: Named = {},
): void {
  for (const result of ['loaded', 'kept']) {
    metrics.policyReloadsTotal.inc({ result }, 0)
    metrics.configReloadsTotal.inc({ result }, 0)
  }
  for (const result of ['written', 'left_out']) metrics.historyTransactionsTotal.inc({ result }, 0)
  for (const source of policySources) {
    metrics.policyFailuresTotal.inc({ source }, 0)
    metrics.policyWrongTotal.inc({ source }, 0)
  }
  for (const judge of judges) {
    metrics.judgeServersDown.inc({ judge }, 0)
    metrics.judgeLeftOutTotal.inc({ judge }, 0)
    for (const result of judgeResults) metrics.judgeResultsTotal.inc({ judge, result }, 0)
  }
  metrics.observing.set(observes ? 1 : 0)
  for (const why of sessionEnds) metrics.sessionEndsTotal.inc({ why }, 0)
  for (const limit of limitNames) metrics.limitHitsTotal.inc({ limit }, 0)
  for (const { name: peer, strategy, shadow } of peers) {
    if (shadow !== undefined) metrics.shadowForcedRetriesTotal.inc({ peer, strategy: shadow }, 0)
    for (const tls of ['yes', 'no']) {
      metrics.sessionsTotal.inc({ peer, tls }, 0)
      metrics.sessionsOpen.inc({ peer, tls }, 0)
    }
    for (const mode of modes) {
      metrics.messagesTotal.inc({ peer, mode }, 0)
      for (const outcome of transactionOutcomes)
        metrics.transactionsTotal.inc({ peer, mode, outcome }, 0)
    }
    for (const verdict of verdicts) metrics.recipientsTotal.inc({ peer, verdict }, 0)
    metrics.duplicatesSuppressedTotal.inc({ peer }, 0)
    if (observes) initialiseObserved(metrics, peer)
    for (const result of bounceResults) metrics.bouncesTotal.inc({ peer, result }, 0)
    initialiseStrategy(metrics, peer, strategy)
  }
}

function initialiseObserved(metrics: Metrics, peer: string): void {
  for (const result of ['agreed', 'divided', 'not_observed'])
    metrics.observedMessagesTotal.inc({ peer, result }, 0)
  for (const verdict of verdicts) metrics.observedRecipientsTotal.inc({ peer, verdict }, 0)
  for (const strategy of strategyNames)
    metrics.observedForcedRetriesTotal.inc({ peer, strategy }, 0)
}

/**
 * Series of one peer class under one strategy, once; before the first event of that pair, because
 * `zero` forgets.
 */
export function initialiseStrategy(
  metrics: Metrics,
  peer: string,
  strategy: ConfigurableStrategy,
): void {
  if (strategy === 'auto') {
    for (const chosen of ['late', 'lenient'] as const) initialiseStrategy(metrics, peer, chosen)
    return
  }
  const key = `${peer} ${strategy}`
  if (metrics.knownSplits.has(key)) return
  const labels = { peer, strategy }
  metrics.knownSplits.set(key, labels)
  metrics.forcedRetriesTotal.inc(labels, 0)
  metrics.retryDelaySeconds.zero(labels)
  metrics.splitDurationSeconds.zero(labels)
  metrics.splitsOpenedTotal.inc(labels, 0)
  metrics.abandonedRecipientsTotal.inc(labels, 0)
  metrics.missingRecipientsTotal.inc(labels, 0)
  for (const result of guessResults) metrics.returnGuessesTotal.inc({ peer, result }, 0)
  for (const where of returnPlaces) metrics.returnsTotal.inc({ ...labels, where }, 0)
  for (const outcome of splitOutcomes) metrics.splitsTotal.inc({ ...labels, outcome }, 0)
}
