/**
 * Counters, gauges and histograms. Each series has one place for all time, where it is written what
 * it stands at; whoever counts in it says so, so that nobody has to look at all of them for those
 * that have changed.
 */
import type { KeptAmounts } from './kept-amounts.ts'
import type { MetricDescription } from './metrics.ts'

/** One combination of label values. */
export interface Series {
  readonly metric: MetricDescription
  /** In the order of the description. */
  readonly labels: readonly string[]
  /** Among all that the process counts (kept-amounts.ts). */
  readonly place: number
  /** Where its amounts begin there. */
  readonly begin: number
}

/**
 * How many numbers a series of this metric is: what was counted; of a histogram, how many fell
 * between each bound and the one below, their sum, and how many they were.
 */
export const widthOf = ({ buckets }: MetricDescription): number =>
  buckets === undefined ? 1 : buckets.length + 2

/** Where series are kept, and who hears of them. */
export interface Keeping {
  readonly kept: KeptAmounts
  made(series: Series): void
}

export interface Described<Label extends string> extends MetricDescription {
  readonly labels: readonly Label[]
}

type LabelsOf<Label extends string> = Readonly<Record<Label, string>>

class Counted<Label extends string> {
  readonly metric: Described<Label>
  protected readonly kept: KeptAmounts
  readonly #keeping: Keeping
  readonly #series = new Map<string, Series>()
  /** Places of series that are no more. */
  readonly #free: number[] = []

  constructor(metric: Described<Label>, keeping: Keeping) {
    this.metric = metric
    this.#keeping = keeping
    this.kept = keeping.kept
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
    const place = this.#free.pop() ?? this.kept.take(widthOf(this.metric))
    const made = { metric: this.metric, labels, place, begin: this.kept.beginOf(place) }
    this.#series.set(key, made)
    this.#keeping.made(made)
    this.kept.hasChanged(place)
    return made
  }

  protected keepOnly(wanted: ReadonlySet<Series>): void {
    for (const [key, series] of this.#series) {
      if (wanted.has(series)) continue
      this.#series.delete(key)
      this.kept.free(series.place)
      this.#free.push(series.place)
    }
  }

  protected add({ place, begin }: Series, by: number): void {
    if (by === 0) return
    const { amounts } = this.kept
    amounts[begin] = (amounts[begin] ?? 0) + by
    this.kept.hasChanged(place)
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

  #set({ place, begin }: Series, value: number): void {
    const { amounts } = this.kept
    if (Object.is(amounts[begin], value)) return
    amounts[begin] = value
    this.kept.hasChanged(place)
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

  #observe({ place, begin }: Series, value: number): void {
    if (!Number.isFinite(value)) throw new TypeError(`${this.metric.name} can't observe ${value}`)
    const { buckets = [] } = this.metric
    const { amounts } = this.kept
    const bucket = buckets.findIndex((bound) => value <= bound)
    if (bucket !== -1) amounts[begin + bucket] = (amounts[begin + bucket] ?? 0) + 1
    const sum = begin + buckets.length
    amounts[sum] = (amounts[sum] ?? 0) + value
    amounts[sum + 1] = (amounts[sum + 1] ?? 0) + 1
    this.kept.hasChanged(place)
  }
}
