/** Metrics with their values: of this process, or as plain data of another one. */

/** One metric with its series, as plain data. */
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

/**
 * A series as this process counts it, one object for all time: what was written of it can be kept.
 * Of a histogram: how many fell between each bound and the one below.
 */
export type Entry =
  | { readonly labels: Labels; readonly value: number; readonly bucketValues?: never }
  | {
      readonly labels: Labels
      readonly bucketValues: Readonly<Record<string, number>>
      readonly sum: number
      readonly count: number
    }

/** One metric of this process. */
export interface Family extends Omit<MetricJson, 'values'> {
  /** Stays the same from one reading to the next. */
  readonly of: object
  readonly entries: readonly Entry[]
  /** Of a histogram, in order. */
  readonly bounds: readonly number[]
}
