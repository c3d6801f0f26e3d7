/**
 * All metrics of one process: reads what is only known when somebody asks, and tells what has
 * changed since it told last.
 */
import { late } from './batched.ts'
import { type Keeping, type Series, widthOf } from './counting.ts'
import { KeptAmounts } from './kept-amounts.ts'
import type { MetricDescription } from './metrics.ts'
import { named } from './text-lines.ts'
import type { Told } from './told.ts'

interface Counted {
  readonly metric: MetricDescription
  readonly all: Iterable<Series>
}

export class CountingRegistry {
  readonly #waiting: (() => void)[] = []
  readonly #counted: Counted[] = []
  readonly #collectors = new Map<string, () => unknown>()
  readonly #kept = new KeptAmounts()
  /** By their places. */
  readonly #series: Series[] = []

  /** For the metrics that are made for it. */
  readonly keeping: Keeping = {
    kept: this.#kept,
    made: (series) => {
      this.#series[series.place] = series
    },
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

  /** How many series were told to nobody. */
  get fresh(): number {
    return this.#kept.fresh
  }

  /** How many series there are to tell of. */
  get waiting(): number {
    this.#count()
    return this.#kept.waiting
  }

  /** What has changed since the last time, or some of it. To be read by one reader. */
  newlyTold(most?: number): Told {
    this.#count()
    return this.#kept.newlyTold((place) => nameOf(this.#series[place]), most)
  }

  /** Everything, for whoever reads it once. */
  everything(): Told {
    this.#count()
    const series = this.#counted.flatMap(({ all }) => [...all])
    return {
      fresh: series.map(nameOf),
      places: Uint32Array.from(series.keys()),
      amounts: Float64Array.from(
        series.flatMap(({ metric, begin }) => [
          ...this.#kept.amounts.subarray(begin, begin + widthOf(metric)),
        ]),
      ),
      gone: [],
    }
  }

  #count(): void {
    for (const count of this.#waiting) count()
  }
}

const nameOf = (series: Series | undefined): string =>
  series === undefined ? '' : named(series.metric.name, series.metric.labels, series.labels)

export const isNothing = ({ places, gone }: Told): boolean =>
  places.length === 0 && gone.length === 0
