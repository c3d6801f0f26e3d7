/**
 * Servers behind that workers leave alone, each by what it has seen: told when the first one does,
 * and when the last one uses it again.
 */
import type { FactListener } from '../../facts/fact.ts'
import type { AwayFact } from './messages.ts'

export class AwayOfAll<Worker> {
  readonly #onFact: FactListener
  readonly #byPlace = new Map<string, Set<Worker>>()

  constructor(onFact: FactListener) {
    this.#onFact = onFact
  }

  hear(worker: Worker, fact: AwayFact): void {
    const place = `${fact.server} ${fact.address}`
    const away = this.#byPlace.get(place) ?? new Set<Worker>()
    this.#byPlace.set(place, away)
    const before = away.size
    if (fact.kind === 'backendEjected') away.add(worker)
    else away.delete(worker)
    if (away.size === 0) this.#byPlace.delete(place)
    if ((before === 0) !== (away.size === 0)) this.#onFact(fact)
  }

  /** It has ended. Whether the server is there, the one in its place will find out. */
  leave(worker: Worker): void {
    for (const [place, away] of this.#byPlace)
      if (away.delete(worker) && away.size === 0) this.#byPlace.delete(place)
  }
}
