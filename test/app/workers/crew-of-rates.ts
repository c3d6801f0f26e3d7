/** A primary with workers in one process: what they say about rates arrives at once. */
import { RatesHere, RatesOfAll } from '../../../src/app/workers/shared-rates.ts'

export interface CrewOfRates extends Disposable {
  readonly all: RatesOfAll<string>
  join(name: string): RatesHere
}

export function crewOfRates(now: () => number): CrewOfRates {
  const here = new Map<string, RatesHere>()
  const all = new RatesOfAll<string>((worker, taken) => here.get(worker)?.hear(taken), now)
  return {
    all,
    join(name) {
      const rates = new RatesHere((taken) => all.hear(name, taken))
      here.set(name, rates)
      return rates
    },
    [Symbol.dispose]() {
      all.end()
      for (const rates of here.values()) rates.end()
    },
  }
}
