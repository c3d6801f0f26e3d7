/**
 * The series that a Prometheus has of Rcptwise: those of the registry, with their kinds and labels,
 * and those that Prometheus makes itself.
 */
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
  readonly labelNames: readonly string[]
}

const ofPrometheus: readonly (readonly [string, KnownSeries])[] = [
  ['up', { kind: 'gauge', labels: new Set(targetLabels) }],
]

/** What the registry exports at this moment, by the names that a query uses. */
export function exportedSeries(): KnownSeriesByName {
  // prom-client's types don't tell of these two.
  const exported = createMetrics({}, { worker: '1' }).registry.getMetricsAsArray() as unknown[]
  const all = (exported as (Exported & { type?: string })[]).flatMap((metric) => partsOf(metric))
  return new Map([...all, ...ofPrometheus])
}

const typeOf = (metric: Exported): string => metric.constructor.name.toLowerCase()

function partsOf(metric: Exported): readonly (readonly [string, KnownSeries])[] {
  const { name, labelNames } = metric
  const labels = new Set([...labelNames, ...targetLabels, ...ofProcess(name)])
  const type = typeOf(metric)
  if (type === 'histogram')
    return [
      [`${name}_bucket`, { kind: 'bucket', labels: labels.union(new Set(['le'])) }],
      [`${name}_sum`, { kind: 'counter', labels }],
      [`${name}_count`, { kind: 'counter', labels }],
    ]
  return [[name, { kind: type === 'counter' ? 'counter' : 'gauge', labels }]]
}

/** Node.js tells of each process on its own. */
const ofProcess = (name: string): readonly string[] =>
  /^(?:process|nodejs)_/.test(name) ? ['worker'] : []
