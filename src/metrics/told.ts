/**
 * What a process tells of what it has counted, as plain data: what has changed since it told last,
 * and nothing else. A process that has counted nothing has nothing to tell, however many series it
 * has.
 */

export interface Told {
  /** Those that have changed, by the places that they have for as long as they exist. */
  readonly places: Uint32Array
  /** `metric{label="value"}` of those of them that are told for the first time. */
  readonly fresh: readonly string[]
  /** What each of these stands at, one after the other (widthOf). */
  readonly amounts: Float64Array
  /** Places of series that are no more; another series may have one of them now. */
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
