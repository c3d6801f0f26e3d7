/**
 * The series that a Prometheus has of Rcptwise: those of the registry, with their kinds and labels,
 * and those that Prometheus makes itself.
 */
import { metricPrefix } from '../../../src/metrics/metrics.ts'
import { createMetrics } from '../../../src/metrics/registry.ts'

/** `record`: a recording rule gave it its value, which may be anything. */
export interface KnownSeries {
  readonly kind: 'counter' | 'gauge' | 'bucket' | 'record'
  readonly labels: ReadonlySet<string>
}

export type KnownSeriesByName = ReadonlyMap<string, KnownSeries>

/** Prometheus adds these to all that it scrapes. */
export const targetLabels = ['job', 'instance'] as const

interface Exported {
  readonly name: string
  readonly type: string
  readonly labels: readonly string[]
}

const ofPrometheus: readonly (readonly [string, KnownSeries])[] = [
  ['up', { kind: 'gauge', labels: new Set(targetLabels) }],
]

/** What a worker exports at this moment, by the names that a query uses. */
export async function exportedSeries(): Promise<KnownSeriesByName> {
  const { registry, ofNode } = createMetrics({}, { worker: '1' })
  const ours = registry.metrics.map((metric) => ({ ...metric, name: metricPrefix + metric.name }))
  const nodes = (await ofNode()).map(({ values, ...metric }) => ({
    ...metric,
    labels: [...new Set(['worker', ...values.flatMap(({ labels }) => Object.keys(labels))])],
  }))
  return new Map([...[...ours, ...nodes].flatMap((metric) => partsOf(metric)), ...ofPrometheus])
}

function partsOf({
  name,
  type,
  labels: own,
}: Exported): readonly (readonly [string, KnownSeries])[] {
  const labels = new Set([...own, ...targetLabels])
  if (type === 'histogram')
    return [
      [`${name}_bucket`, { kind: 'bucket', labels: labels.union(new Set(['le'])) }],
      [`${name}_sum`, { kind: 'counter', labels }],
      [`${name}_count`, { kind: 'counter', labels }],
    ]
  return [[name, { kind: type === 'counter' ? 'counter' : 'gauge', labels }]]
}
