/**
 * What several processes have counted, as that of one: counters and histograms are added, gauges as
 * they say (`ofAll`). Each process tells what has changed (told.ts), and only series that have
 * changed are added and written again.
 */
import { type MetricDescription, type MetricName, metricDescriptions } from './metrics.ts'
import { FamilyOfAll, type Part, type Sum, type SumOfAll } from './sum.ts'
import type { Told } from './told.ts'

export type { Sum } from './sum.ts'

/** One process, as the one that adds knows it. */
class Teller {
  /** Its series by their places. */
  readonly sums: (SumOfAll | undefined)[] = []
  /** By the number of the metric. */
  readonly parts: (Part | undefined)[] = []

  partOf(family: FamilyOfAll): Part {
    return (this.parts[family.number] ??= family.join())
  }
}

export class Sums {
  readonly #families: ReadonlyMap<string, FamilyOfAll> = new Map(
    Object.values<MetricDescription>(metricDescriptions).map((metric, number) => [
      metric.name,
      new FamilyOfAll(metric, number),
    ]),
  )
  readonly #tellers = new Map<object, Teller>()

  /** `process`: any object that stands for it. */
  hear(process: object, { fresh, places, amounts, gone }: Told): void {
    const teller = this.#tellerOf(process)
    // First: one of the same labels may have come since.
    for (const place of gone) {
      const sum = teller.sums[place]
      teller.sums[place] = undefined
      sum?.family.take(teller.partOf(sum.family), sum)
    }
    let at = 0
    let next = 0
    for (const place of places) {
      const sum = (teller.sums[place] ??= this.#sumOf(fresh[next++]))
      if (sum === undefined) throw new Error(`a process told of an unknown series, ${place}`)
      at = sum.family.hear(teller.partOf(sum.family), sum, amounts, at)
    }
  }

  /** It has ended: what it has counted stays counted, and what it had open is gone. */
  leave(process: object): void {
    const { parts } = this.#tellerOf(process)
    for (const family of this.#families.values()) {
      const part = parts[family.number]
      if (part !== undefined) family.leave(part)
    }
    this.#tellers.delete(process)
  }

  get families(): Iterable<FamilyOfAll> {
    return this.#families.values()
  }

  /** Series whose lines in the text of /metrics are not as they should be. */
  get toWrite(): number {
    let all = 0
    for (const { toWrite } of this.families) all += toWrite
    return all
  }

  of(name: MetricName): Iterable<Sum> {
    return this.#families.get(name)?.sums ?? []
  }

  #tellerOf(process: object): Teller {
    const known = this.#tellers.get(process)
    if (known !== undefined) return known
    const made = new Teller()
    this.#tellers.set(process, made)
    return made
  }

  #sumOf(named = ''): SumOfAll | undefined {
    const end = named.indexOf('{')
    return this.#families.get(end === -1 ? named : named.slice(0, end))?.sumOf(named)
  }
}

/** Of a counter or gauge, over all its series. */
export const sumOf = (sums: Sums, name: MetricName): number => {
  let all = 0
  for (const { value } of sums.of(name)) all += value
  return all
}
