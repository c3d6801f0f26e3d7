/**
 * All metrics of one process: reads what is only known when somebody asks, and tells what has
 * changed since it told last.
 */
import { late } from './batched.ts'
import type { Changes, Series } from './counting.ts'
import type { MetricDescription } from './metrics.ts'
import type { FreshSeries, Told } from './told.ts'

interface Counted {
  readonly metric: MetricDescription
  readonly all: Iterable<Series>
}

export class CountingRegistry {
  readonly #waiting: (() => void)[] = []
  readonly #counted: Counted[] = []
  readonly #collectors = new Map<string, () => unknown>()
  readonly #changed = new Set<Series>()
  readonly #gone: number[] = []
  #places = 0

  /** For the metrics that are made for it. */
  readonly changes: Changes = {
    changed: (series) => void this.#changed.add(series),
    gone: (series) => this.#forget(series),
  }

  add<One extends Counted>(one: One): One {
    this.#counted.push(one)
    return one
  }

  get metrics(): readonly MetricDescription[] {
    return this.#counted.map(({ metric }) => metric)
  }

  /** Is done before somebody reads the metric. */
  beforeReading(metric: string, collect: () => unknown): void {
    this.#collectors.set(metric, collect)
  }

  /**
   * Gives what can be told at any time, and is counted when there is much of it, or someone reads.
   */
  late<What>(count: (told: What) => void): (told: What) => void {
    const waiting = late(count)
    this.#waiting.push(waiting.count)
    return waiting.tell
  }

  /** What nothing counts is read, for those who want all metrics or these. */
  async collect(names: Iterable<string> = this.#collectors.keys()): Promise<void> {
    await Promise.all(Array.from(names, async (name) => await this.#collectors.get(name)?.()))
  }

  /** What has changed since the last time. To be read by one reader. */
  newlyTold(): Told {
    for (const count of this.#waiting) count()
    const fresh: FreshSeries[] = []
    const series = [...this.#changed]
    this.#changed.clear()
    for (const one of series) {
      if (one.place !== undefined) continue
      one.place = this.#places++
      fresh.push([one.metric.name, ...one.labels])
    }
    const places = Uint32Array.from(series, ({ place = 0 }) => place)
    return { fresh, places, amounts: amountsOf(series), gone: this.#gone.splice(0) }
  }

  /** Everything, for whoever reads it once. */
  everything(): Told {
    for (const count of this.#waiting) count()
    const series = this.#counted.flatMap(({ all }) => [...all])
    return {
      fresh: series.map(({ metric, labels }) => [metric.name, ...labels]),
      places: Uint32Array.from(series.keys()),
      amounts: amountsOf(series),
      gone: [],
    }
  }

  #forget(series: Series): void {
    this.#changed.delete(series)
    // Of what nobody has heard of, nobody has to hear that it is gone.
    if (series.place !== undefined) this.#gone.push(series.place)
  }
}

function amountsOf(all: readonly Series[]): Float64Array {
  const amounts = new Float64Array(all.reduce((sum, one) => sum + one.amounts.length, 0))
  let at = 0
  for (const one of all) for (const amount of one.amounts) amounts[at++] = amount
  return amounts
}

export const isNothing = ({ places, gone }: Told): boolean =>
  places.length === 0 && gone.length === 0
