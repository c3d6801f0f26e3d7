/**
 * What was counted of the mail since the start of `serve`, in all processes: from what workers tell
 * of their metrics anyhow, so that asking costs them nothing.
 */
import { type MetricName, metricPrefix } from '../../metrics/metrics.ts'
import type { Metrics } from '../../metrics/registry.ts'
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

/** Of this process: those that are read here, and no others. */
export async function countedHere(metrics: Metrics): Promise<readonly Counted[]> {
  metrics.registry.countAll()
  const read = [
    metrics.messagesTotal,
    metrics.transactionsTotal,
    metrics.recipientsTotal,
    metrics.forcedRetriesTotal,
    metrics.splitsOpenedTotal,
    metrics.splitsTotal,
  ]
  return await Promise.all(read.map(async (one) => await one.get()))
}

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
