/**
 * What was counted of the mail since the start of `serve`, in all processes: from what workers tell
 * of their metrics anyhow, so that asking costs them nothing.
 */
import type { MetricName } from '../../metrics/metrics.ts'
import { sumOf, type Sums } from '../../metrics/summed.ts'

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

export function totalsOf(sums: Sums): Totals {
  /** By the last label of the metric. */
  const byLast = (name: MetricName): Record<string, number> => {
    const all: Record<string, number> = {}
    for (const { labels, value } of sums.of(name)) {
      const label = labels.at(-1) ?? ''
      all[label] = (all[label] ?? 0) + value
    }
    return all
  }
  return {
    messages: sumOf(sums, 'messages_total'),
    transactions: byLast('transactions_total'),
    recipients: byLast('recipients_total'),
    forcedRetries: sumOf(sums, 'forced_retries_total'),
    splitsOpened: sumOf(sums, 'splits_opened_total'),
    splitsClosed: sumOf(sums, 'splits_total'),
  }
}
