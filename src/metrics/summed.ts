/**
 * What several processes have counted, as that of one: counters and histograms are added, gauges as
 * they say (`ofAll`). Each process tells what has changed (told.ts), and only series that have
 * changed are added again.
 */
import { widthOf } from './counting.ts'
import { type MetricDescription, type MetricName, metricDescriptions } from './metrics.ts'
import { type Run, RunOfAll, type Sum, SumOfAll, type Together } from './sum.ts'
import { labelsText } from './text-lines.ts'
import type { Told } from './told.ts'

export type { Run, Sum } from './sum.ts'

/** One metric of all processes. */
export interface Family {
  readonly metric: MetricDescription
  readonly runs: Iterable<Run>
}

export class Sums {
  readonly #families: ReadonlyMap<string, FamilyOfAll> = new Map(
    Object.values<MetricDescription>(metricDescriptions).map((metric) => [
      metric.name,
      new FamilyOfAll(metric),
    ]),
  )
  /** The series of each process, by their places. */
  readonly #placesOf = new Map<object, (Place | undefined)[]>()

  /** `process`: any object that stands for it. */
  hear(process: object, { fresh, places, amounts, gone }: Told): void {
    const known = this.#placesOf.get(process) ?? []
    this.#placesOf.set(process, known)
    // First: one of the same labels may have come since.
    for (const number of gone) {
      const place = known[number]
      known[number] = undefined
      place?.family.take(process, place.sum)
    }
    for (const [name, ...labels] of fresh) {
      const family = this.#families.get(name)
      known.push(family && { family, sum: family.sumOf(labels) })
    }
    let at = 0
    for (const number of places) {
      const place = known[number]
      if (place === undefined) throw new Error(`a process told of an unknown series, ${number}`)
      const { width } = place.family
      place.sum.setPart(process, amounts, at, width)
      at += width
    }
  }

  /** It has ended: what it has counted stays counted, and what it had open is gone. */
  leave(process: object): void {
    for (const place of this.#placesOf.get(process) ?? []) {
      if (place === undefined) continue
      const { family, sum } = place
      if (family.metric.type !== 'gauge') sum.keepPart(process)
      family.take(process, sum)
    }
    this.#placesOf.delete(process)
  }

  get families(): Iterable<Family> {
    return this.#families.values()
  }

  of(name: MetricName): Iterable<Sum> {
    return this.#families.get(name)?.sums ?? []
  }
}

/** Of a counter or gauge, over all its series. */
export const sumOf = (sums: Sums, name: MetricName): number => {
  let all = 0
  for (const { amounts } of sums.of(name)) all += amounts[0] ?? 0
  return all
}

interface Place {
  readonly family: FamilyOfAll
  readonly sum: SumOfAll
}

/**
 * So many numbers are a run: enough that to put runs together is quick, and few enough that one
 * series that has changed costs little.
 */
const runWidth = 64

class FamilyOfAll implements Family {
  readonly metric: MetricDescription
  readonly width: number
  readonly runs = new Set<RunOfAll>()
  readonly #add: Together
  readonly #sums = new Map<string, SumOfAll>()
  #filling = new RunOfAll()

  constructor(metric: MetricDescription) {
    this.metric = metric
    this.width = widthOf(metric)
    this.#add = together[metric.ofAll ?? 'sum']
  }

  get sums(): Iterable<Sum> {
    return this.#sums.values()
  }

  sumOf(labels: readonly string[]): SumOfAll {
    const text = labelsText(this.metric.labels, labels)
    const known = this.#sums.get(text)
    if (known !== undefined) return known
    if (this.#filling.sums.size * this.width >= runWidth) this.#filling = new RunOfAll()
    const made = new SumOfAll(labels, text, this.#filling, this.#add)
    this.runs.add(made.run)
    this.#sums.set(text, made)
    return made
  }

  /** The process has nothing of it any more. */
  take(process: object, sum: SumOfAll): void {
    sum.takePart(process)
    if (!sum.isEmpty) return
    this.#sums.delete(sum.text)
    sum.run.sums.delete(sum)
    if (sum.run.sums.size === 0) this.runs.delete(sum.run)
  }
}

const together: Readonly<Record<'sum' | 'min' | 'max', Together>> = {
  sum: (one, other) => one + other,
  min: Math.min,
  max: Math.max,
}
