/**
 * Writes docs/metrics.md from src/metrics/metrics.ts: `node tools/metrics-docs.ts`. A test fails
 * when the page is stale.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { sentenceALine } from './sentence-a-line.ts'
import { type MetricDescription, metricDescriptions, metricPrefix } from '../src/metrics/metrics.ts'

export const metricsPage = fileURLToPath(new URL('../docs/metrics.md', import.meta.url))

const introduction = `# Metrics

\`GET /metrics\` on the admin address (127.0.0.1:9225 unless \`admin.listen\` says otherwise) answers in the text format of Prometheus.
Who asks for OpenMetrics (\`Accept: application/openmetrics-text\`) gets version 1.0.0 of it.
\`grafana/\` has dashboards, and rules for alerts ([alerts.md](alerts.md)), that use these names.

- Durations are seconds, sizes are bytes.
- \`peer\` is the name of a peer class of the configuration, never a client's address or name.
- Rcptwise counts retries of a split message for the peer class and strategy of its first attempt, wherever they come from.
- One answer has what all worker processes of a front-end have counted together.
  Counters and histograms are added, and so are gauges, unless the text of a gauge says otherwise.
  What a worker counted stays when Rcptwise replaces it; of one that is killed, up to two seconds are lost.
- Add counters of several front-ends (\`sum\`).
  Gauges that are read from a shared ledger are the same on each front-end: take the largest (\`max\`).
- A worker that has counted nothing tells nothing, and what has not changed is not written anew.
  So a thousand peer classes cost little where few of them have mail.
- Series that Rcptwise knows in advance are there from the start, with the value 0.
- \`process_…\` and \`nodejs_…\` are about the process: CPU, memory, open files, garbage collection, and the delay of the event loop.
  If \`nodejs_eventloop_lag_p99_seconds\` is above 0.1, the process has more to do than it can.

\`node tools/metrics-docs.ts\` makes this page from \`src/metrics/metrics.ts\`.
`

function section(metric: MetricDescription): string {
  const labels = metric.labels.map((label) => `\`${label}\``).join(', ')
  const facts = [
    `Type: ${metric.type}.`,
    labels === '' ? 'No labels.' : `Labels: ${labels}.`,
    ...(metric.buckets === undefined ? [] : [`Buckets (seconds): ${metric.buckets.join(', ')}.`]),
  ]
  return `## ${metricPrefix}${metric.name}\n\n${sentenceALine(metric.help)}\n\n${facts.join('\n')}\n`
}

export const renderMetricsPage = (): string =>
  [introduction, ...Object.values<MetricDescription>(metricDescriptions).map(section)].join('\n')

if (import.meta.main) writeFileSync(metricsPage, renderMetricsPage())
