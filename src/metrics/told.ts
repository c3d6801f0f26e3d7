/**
 * What a process tells of what it has counted, as plain data: what has changed since it told last,
 * and nothing else. A process that has counted nothing has nothing to tell, however many series it
 * has.
 */

/** A series that is told for the first time: its metric, and the values of its labels. */
export type FreshSeries = readonly [metric: string, ...labels: string[]]

export interface Told {
  /** Known by their places from now on: the first that a process ever tells is at 0. */
  readonly fresh: readonly FreshSeries[]
  /** Those that have changed. */
  readonly places: Uint32Array
  /** What each of these stands at, one after the other (widthOf). */
  readonly amounts: Float64Array
  /** Places of series that are no more. */
  readonly gone: readonly number[]
}

/** One metric with its series: what Node.js tells of a process. */
export interface MetricJson {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly aggregator: string
  readonly values: readonly Value[]
}

export type Labels = Readonly<Record<string, string | number>>

export interface Value {
  readonly value: number
  readonly labels: Labels
  /** Of a histogram's parts: name_bucket, name_sum, name_count. */
  readonly metricName?: string
}
