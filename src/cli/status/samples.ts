/** What a scrape says: the samples of Rcptwise's metrics, found by name and label. Pure. */

export interface Sample {
  readonly labels: ReadonlyMap<string, string>
  readonly value: number
}

const sample = /^rcptwise_([a-z_]+)(?:\{(.*)\})? (\S+)/
const label = /([a-z_]+)="((?:[^"\\]|\\.)*)"/g

export class Samples {
  readonly #byName = new Map<string, Sample[]>()

  constructor(text: string) {
    for (const line of text.split('\n')) {
      const [, name, labels = '', value] = sample.exec(line) ?? []
      if (name === undefined) continue
      const found = { labels: labelsOf(labels), value: Number(value) }
      const others = this.#byName.get(name)
      if (others === undefined) this.#byName.set(name, [found])
      else others.push(found)
    }
  }

  /** Names are without their prefix. */
  all(name: string): readonly Sample[] {
    return this.#byName.get(name) ?? []
  }

  sum(name: string, of: Readonly<Record<string, string>> = {}): number {
    return this.all(name)
      .filter(({ labels }) => Object.entries(of).every(([key, value]) => labels.get(key) === value))
      .reduce((sum, { value }) => sum + value, 0)
  }

  /** Undefined: nobody counts it. */
  one(name: string): number | undefined {
    return this.all(name)[0]?.value
  }

  /** The sums of a metric by one of its labels. */
  by(name: string, key: string): ReadonlyMap<string, number> {
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
