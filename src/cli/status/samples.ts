/** What a scrape says: the samples of Rcptwise's metrics, found by name and label. Pure. */

import type { MetricName } from '../../metrics/metrics.ts'

export interface Sample {
  readonly labels: ReadonlyMap<string, string>
  readonly value: number
}

const prefix = 'rcptwise_'
const label = /(?:^|,)([a-z_]+)="((?:[^"\\]|\\.)*)"/g

export class Samples {
  readonly #byName = new Map<string, Sample[]>()

  constructor(text: string) {
    for (const line of text.split('\n')) {
      if (!line.startsWith(prefix)) continue
      const [before, after] = [line.indexOf('{'), line.lastIndexOf('}')]
      const named = before === -1 ? line.indexOf(' ') : before
      const name = line.slice(prefix.length, named)
      const labels = before === -1 ? '' : line.slice(before + 1, after)
      const value = line.slice(before === -1 ? named : after + 1).trim()
      const found = { labels: labelsOf(labels), value: Number(value.split(' ')[0]) }
      const others = this.#byName.get(name)
      if (others === undefined) this.#byName.set(name, [found])
      else others.push(found)
    }
  }

  /** Names are without their prefix. */
  all(name: MetricName): readonly Sample[] {
    return this.#byName.get(name) ?? []
  }

  sum(name: MetricName, of: Readonly<Record<string, string>> = {}): number {
    return this.all(name)
      .filter(({ labels }) => Object.entries(of).every(([key, value]) => labels.get(key) === value))
      .reduce((sum, { value }) => sum + value, 0)
  }

  /** Undefined: nobody counts it. */
  one(name: MetricName): number | undefined {
    return this.all(name)[0]?.value
  }

  /** The sums of a metric by one of its labels. */
  by(name: MetricName, key: string): ReadonlyMap<string, number> {
    const sums = new Map<string, number>()
    for (const { labels, value } of this.all(name)) {
      const of = labels.get(key) ?? ''
      sums.set(of, (sums.get(of) ?? 0) + value)
    }
    return sums
  }
}

const labelsOf = (text: string): ReadonlyMap<string, string> =>
  new Map(
    [...text.matchAll(label)].map(([, name = '', value = '']) => [
      name,
      value.replaceAll(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character)),
    ]),
  )
