/**
 * Counters, gauges and histograms. Each series is one object for all time, which knows what it
 * stands at; whoever counts in it says so, so that nobody has to look at all of them for those that
 * have changed.
 */
import type { MetricDescription } from './metrics.ts'

/** One combination of label values. */
export interface Series {
  readonly metric: MetricDescription
  /** In the order of the description. */
  readonly labels: readonly string[]
  /**
   * What was counted. Of a histogram: how many fell between each bound and the one below, their
   * sum, and how many they were.
   */
  readonly amounts: number[]
  /** Where those know it who were told of it (told.ts). */
  place: number | undefined
}

/** How many numbers a series of this metric is. */
export const widthOf = ({ buckets }: MetricDescription): number =>
  buckets === undefined ? 1 : buckets.length + 2

/** Hears of each series that has changed, and of each that is no more. */
export interface Changes {
  changed(series: Series): void
  gone(series: Series): void
}

export interface Described<Label extends string> extends MetricDescription {
  readonly labels: readonly Label[]
}

type LabelsOf<Label extends string> = Readonly<Record<Label, string>>

class Counted<Label extends string> {
  readonly metric: Described<Label>
  protected readonly changes: Changes
  readonly #series = new Map<string, Series>()

  constructor(metric: Described<Label>, changes: Changes) {
    this.metric = metric
    this.changes = changes
    // What has no labels is one series, which is there from the start.
    if (metric.labels.length === 0) this.at([])
  }

  get all(): Iterable<Series> {
    return this.#series.values()
  }

  protected in(labels: LabelsOf<Label>): Series {
    return this.at(this.metric.labels.map((name) => labels[name]))
  }

  protected at(labels: readonly string[]): Series {
    const key = labels.join('\n')
    const known = this.#series.get(key)
    if (known !== undefined) return known
    const made: Series = {
      metric: this.metric,
      labels,
      amounts: Array.from({ length: widthOf(this.metric) }, () => 0),
      place: undefined,
    }
    this.#series.set(key, made)
    this.changes.changed(made)
    return made
  }

  protected keepOnly(wanted: ReadonlySet<Series>): void {
    for (const [key, series] of this.#series) {
      if (wanted.has(series)) continue
      this.#series.delete(key)
      this.changes.gone(series)
    }
  }

  protected add(series: Series, by: number): void {
    if (by === 0) return
    series.amounts[0] = (series.amounts[0] ?? 0) + by
    this.changes.changed(series)
  }
}

export class Counter<Label extends string = never> extends Counted<Label> {
  /** What has no labels is given the number alone. */
  inc(labels: LabelsOf<Label> | number = 1, by = 1): void {
    if (typeof labels === 'number') this.#inc(this.at([]), labels)
    else this.#inc(this.in(labels), by)
  }

  /** The values of its labels, in the order of the description; to be kept by who counts often. */
  labels(...values: readonly string[]): { inc(by?: number): void } {
    const series = this.at(values)
    return { inc: (by = 1) => this.#inc(series, by) }
  }

  #inc(series: Series, by: number): void {
    if (!(by >= 0 && by < Infinity))
      throw new TypeError(`${this.metric.name} can't be counted by ${by}`)
    this.add(series, by)
  }
}

export class Gauge<Label extends string = never> extends Counted<Label> {
  /** What has no labels is given the number alone. */
  set(labels: LabelsOf<Label> | number, value = 0): void {
    if (typeof labels === 'number') this.#set(this.at([]), labels)
    else this.#set(this.in(labels), value)
  }

  inc(labels: LabelsOf<Label>, by = 1): void {
    this.add(this.in(labels), by)
  }

  dec(labels: LabelsOf<Label>, by = 1): void {
    this.add(this.in(labels), -by)
  }

  labels(...values: readonly string[]): { inc(): void; dec(): void } {
    const series = this.at(values)
    return { inc: () => this.add(series, 1), dec: () => this.add(series, -1) }
  }

  /** All that there are from now on; the last one of equal labels counts. */
  setAll(all: Iterable<readonly [labels: LabelsOf<Label>, value: number]>): void {
    const values = new Map<Series, number>()
    for (const [labels, value] of all) values.set(this.in(labels), value)
    for (const [series, value] of values) this.#set(series, value)
    this.keepOnly(new Set(values.keys()))
  }

  #set(series: Series, value: number): void {
    if (Object.is(series.amounts[0], value)) return
    series.amounts[0] = value
    this.changes.changed(series)
  }
}

export class Histogram<Label extends string = never> extends Counted<Label> {
  /** What has no labels is given the number alone. */
  observe(labels: LabelsOf<Label> | number, value = 0): void {
    if (typeof labels === 'number') this.#observe(this.at([]), labels)
    else this.#observe(this.in(labels), value)
  }

  labels(...values: readonly string[]): { observe(value: number): void } {
    const series = this.at(values)
    return { observe: (value) => this.#observe(series, value) }
  }

  /** The series is there, before anything was observed. */
  zero(labels: LabelsOf<Label>): void {
    this.in(labels)
  }

  #observe(series: Series, value: number): void {
    if (!Number.isFinite(value)) throw new TypeError(`${this.metric.name} can't observe ${value}`)
    const { buckets = [] } = this.metric
    const { amounts } = series
    const bucket = buckets.findIndex((bound) => value <= bound)
    if (bucket !== -1) amounts[bucket] = (amounts[bucket] ?? 0) + 1
    const sum = buckets.length
    amounts[sum] = (amounts[sum] ?? 0) + value
    amounts[sum + 1] = (amounts[sum + 1] ?? 0) + 1
    this.changes.changed(series)
  }
}
