/** How a `serve` is, as `/readyz` and `/metrics` tell it. Pure. */
import type { MetricName } from '../../metrics/metrics.ts'
import type { Samples } from './samples.ts'

export interface State {
  readonly ready: boolean
  readonly reasons: readonly string[]
  /** No new split is begun. */
  readonly draining: boolean
  /** `mode: observe`. */
  readonly observing: boolean
  /** Unix time, in seconds. */
  readonly startedAt?: number
  readonly mail: {
    readonly messages: number
    readonly sessionsOpen: number
    /** By verdict. */
    readonly recipients: Readonly<Record<string, number>>
  }
  readonly splits: {
    readonly forcedRetries: number
    readonly open: number
    readonly missing: number
  }
  readonly servers: readonly { readonly server: string; readonly up: boolean }[]
  readonly judges: readonly { readonly judge: string; readonly serversDown: number }[]
  readonly sources: readonly { readonly source: string; readonly failures: number }[]
  /** By peer class. */
  readonly strategies: Readonly<Record<string, string>>
  readonly ledger: { readonly durable: boolean }
  readonly history: { readonly unwritten: number }
  readonly configuration: { readonly loadedAt?: number; readonly kept: boolean }
  readonly workers: { readonly lost: number; readonly hung: number }
}

export interface Readiness {
  readonly ready: boolean
  readonly reasons: readonly string[]
  readonly draining: boolean
}

export function stateOf({ ready, reasons, draining }: Readiness, samples: Samples): State {
  const startedAt = samples.one('started_seconds')
  const loadedAt = samples.one('config_loaded_seconds')
  const recipients = [...samples.by('recipients_total', 'verdict')].filter(([, count]) => count > 0)
  const listed = <Key extends string, Value>(
    name: MetricName,
    label: Key,
    valueOf: (value: number) => Value,
  ): (Record<Key, string> & Value)[] =>
    [...samples.by(name, label)].map(
      ([of, value]) => ({ [label]: of, ...valueOf(value) }) as Record<Key, string> & Value,
    )
  return {
    ready,
    reasons,
    draining,
    observing: samples.sum('observing') > 0,
    ...(startedAt !== undefined && { startedAt }),
    mail: {
      messages: samples.sum('messages_total'),
      sessionsOpen: samples.sum('sessions_open'),
      recipients: Object.fromEntries(recipients),
    },
    splits: {
      forcedRetries: samples.sum('forced_retries_total'),
      open: samples.sum('splits_open'),
      missing: samples.sum('recipients_missing'),
    },
    servers: listed('backend_up', 'server', (value) => ({ up: value > 0 })),
    judges: listed('judge_servers_down', 'judge', (value) => ({ serversDown: value })),
    sources: listed('policy_failures_total', 'source', (value) => ({ failures: value })),
    strategies: Object.fromEntries(
      samples
        .all('strategy_in_force')
        .filter(({ value }) => value > 0)
        .map(({ labels }) => [labels.get('peer') ?? '', labels.get('strategy') ?? '']),
    ),
    ledger: { durable: samples.one('ledger_durable') !== 0 },
    history: { unwritten: samples.sum('history_unwritten_transactions') },
    configuration: {
      ...(loadedAt !== undefined && { loadedAt }),
      kept: samples.sum('config_kept') > 0,
    },
    workers: {
      lost: samples.sum('workers_lost_total'),
      hung: samples.sum('workers_hung_total'),
    },
  }
}
