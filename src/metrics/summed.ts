/**
 * The metrics of several processes as those of one: counters and histograms are added, gauges as
 * their `aggregator` says (registry.ts).
 */
import { AggregatorRegistry, type Registry } from 'prom-client'
import { metricPrefix } from './metrics.ts'

/** One metric with its series, as plain data. */
export interface MetricJson {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly aggregator: string
  readonly values: readonly {
    readonly value: number
    readonly labels: Readonly<Record<string, string | number>>
    /** Of a histogram's parts: name_bucket, name_sum, name_count. */
    readonly metricName?: string
  }[]
}

/** What a process has to send for its part. */
export const metricsOf = async (registry: Registry): Promise<readonly MetricJson[]> =>
  // The library's type says that `type` is a number; it is a word.
  (await registry.getMetricsAsJSON()) as unknown as readonly MetricJson[]

/** All of them together, ready to be shown. */
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
