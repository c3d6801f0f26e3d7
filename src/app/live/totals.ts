/**
 * What was counted of the mail since the start of `serve`, in all processes: from what workers tell
 * of their metrics anyhow, so that asking costs them nothing.
 */
import { type MetricName, metricPrefix } from '../../metrics/metrics.ts'
import type { MetricJson } from '../../metrics/summed.ts'

export interface Totals {
  /** Each once, however often it came: a retry is no new one. */
  readonly messages: number
  /** Transactions by outcome. */
  readonly transactions: Readonly<Record<string, number>>
  /** Recipients with a final answer, by verdict. */
  readonly recipients: Readonly<Record<string, number>>
  readonly forcedRetries: number
  readonly splitsOpened: number
  readonly splitsClosed: number
}

type Counted = Pick<MetricJson, 'name' | 'values'>

/** The metrics that are read for it. */
export const countedMetrics = [
  'messages_total',
  'transactions_total',
  'recipients_total',
  'forced_retries_total',
  'splits_opened_total',
  'splits_total',
] as const satisfies readonly MetricName[]

export function totalsOf(processes: readonly (readonly Counted[])[]): Totals {
  const all = Map.groupBy(processes.flat(), ({ name }) => name)
  const sumBy = (name: MetricName, label: string): Record<string, number> => {
    const sums: Record<string, number> = {}
    for (const { values } of all.get(metricPrefix + name) ?? [])
      for (const { labels, value } of values) {
        const key = String(labels[label] ?? '')
        sums[key] = (sums[key] ?? 0) + value
      }
    return sums
  }
  const sum = (name: MetricName): number =>
    (all.get(metricPrefix + name) ?? [])
      .flatMap(({ values }) => values)
      .reduce((total, { value }) => total + value, 0)
  return {
    messages: sum('messages_total'),
    transactions: sumBy('transactions_total', 'outcome'),
    recipients: sumBy('recipients_total', 'verdict'),
    forcedRetries: sum('forced_retries_total'),
    splitsOpened: sum('splits_opened_total'),
    splitsClosed: sum('splits_total'),
  }
}
