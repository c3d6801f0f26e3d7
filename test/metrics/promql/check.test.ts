import { describe, expect, it } from 'vitest'
import { checkPromql } from './check.ts'
import { exportedSeries } from './series.ts'

const known = await exportedSeries()
const faults = (expression: string): readonly string[] => checkPromql(expression, known).faults

describe('a query is found wrong', () => {
  it.each([
    ['that is no PromQL', 'sum(rate(', 'not PromQL'],
    ['for a series that does not exist', 'sum(rcptwise_nonsense)', 'no such series'],
    [
      'for a label that its series does not have',
      'rcptwise_spool_bytes{peer="x"}',
      'no label peer',
    ],
    ['by a label that is not there', 'sum by (peer) (rcptwise_spool_bytes)', 'no label peer'],
    ['for the rate of a gauge', 'rate(rcptwise_sessions_open[5m])', 'is no counter'],
    ['for a bare counter', 'sum(rcptwise_forced_retries_total)', 'is a counter'],
    [
      'for the average of a counter over time',
      'avg_over_time(rcptwise_forced_retries_total[5m])',
      'is a counter',
    ],
    [
      'for a quantile whose le was summed away',
      'histogram_quantile(0.5, sum by (peer) (rate(rcptwise_retry_delay_seconds_bucket[5m])))',
      'without le',
    ],
    [
      'for a quantile of a counter',
      'histogram_quantile(0.5, rate(rcptwise_forced_retries_total[5m]))',
      'without le',
    ],
    [
      'for a quotient whose sides never meet',
      'sum by (peer) (rcptwise_sessions_open) / sum(rcptwise_sessions_open)',
      "can't meet for peer",
    ],
    [
      'on a label that one side lacks',
      'rcptwise_backend_up and on (server) rcptwise_ledger_durable',
      "can't meet for server",
    ],
    ['for a range without a function', 'rcptwise_sessions_open[5m]', 'without a function'],
  ])('%s', (_name, expression, fault) => {
    expect(faults(expression).join('; ')).toContain(fault)
  })
})

describe('a query is found good', () => {
  it.each([
    [
      'sum by (job, peer) (rate(rcptwise_forced_retries_total{peer=~"a"}[5m] offset 1h))',
      'job peer',
    ],
    [
      'histogram_quantile(0.5, sum by (le, peer) (rate(rcptwise_retry_delay_seconds_bucket[5m])))',
      'peer',
    ],
    ['rcptwise_tls_certificate_expiry_seconds - time() < 14 * 86400', 'instance job name'],
    ['up == 0 and on (job) sum by (job) (up) > 0', 'instance job'],
    [
      'rcptwise_backend_errors_total unless rcptwise_backend_errors_total offset 1h',
      'instance job server step',
    ],
    ['sum by (job) (up) * on (job) group_left (instance) up', 'instance job'],
    ['max_over_time(sum(rcptwise_sessions_open)[1h:1m])', ''],
    ['absent(up)', ''],
    ['label_replace(up, "x", "$1", "job", "(.*)")', 'instance job x'],
  ])('%s', (expression, labels) => {
    const checked = checkPromql(expression, known)
    expect(checked.faults).toEqual([])
    expect([...(checked.labels ?? [])].toSorted().join(' ')).toBe(labels)
  })
})
