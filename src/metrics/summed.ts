/**
 * The metrics of several processes as those of one: counters and histograms are added, gauges as
 * their `aggregator` says (registry.ts).
 */
import { AggregatorRegistry, type Registry } from 'prom-client'
import type { Entry, Family, MetricJson } from './family.ts'
import { metricPrefix } from './metrics.ts'

export type { MetricJson } from './family.ts'

/** What a process has to send for its part. */
export const metricsOf = async (registry: Registry): Promise<readonly MetricJson[]> =>
  // The library's type says that `type` is a number; it is a word.
  (await registry.getMetricsAsJSON()) as unknown as readonly MetricJson[]

/** What this process has counted, as it counts it. */
export const familiesOf = async (registry: Registry): Promise<readonly Family[]> =>
  await Promise.all(
    (registry.getMetricsAsArray() as unknown as readonly Readable[]).map(async (metric) => {
      const { name, help, aggregator, hashMap, upperBounds } = metric
      if (upperBounds !== undefined) {
        const entries = Object.values(hashMap)
        return {
          of: metric,
          name,
          help,
          aggregator,
          type: 'histogram',
          entries,
          bounds: upperBounds,
        }
      }
      const { type, values } = await metric.get()
      return { of: metric, name, help, aggregator, type, entries: values, bounds: [] }
    }),
  )

/**
 * What the library's metrics have, and its types don't tell. Their `get` makes an object of each
 * bucket at each reading.
 */
interface Readable extends Omit<MetricJson, 'type' | 'values'> {
  /** The series, by a hash of their labels. */
  readonly hashMap: Readonly<Record<string, Entry>>
  /** Of a histogram. */
  readonly upperBounds?: readonly number[]
  get(): Promise<{ readonly type: string; readonly values: readonly Entry[] }>
}

/** All of them together. */
export const sumOf = (processes: readonly (readonly MetricJson[])[]): Registry =>
  AggregatorRegistry.aggregate(processes.map((metrics) => [...metrics]))

/**
 * What is left of processes that have ended, with one more: what they have counted stays counted,
 * what they had open is gone, and what Node.js told of them too.
 */
export const addRemains = async (
  earlier: readonly MetricJson[],
  metrics: readonly MetricJson[],
): Promise<readonly MetricJson[]> => {
  const counted = metrics.filter(
    ({ name, type }) => name.startsWith(metricPrefix) && type !== 'gauge',
  )
  return await metricsOf(sumOf([earlier, counted]))
}
