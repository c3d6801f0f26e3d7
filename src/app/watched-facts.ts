/** Facts for who watches a running Rcptwise, whichever of its processes they happen in. */
import type { Fact } from '../facts/fact.ts'
import type { FactHub } from './fact-hub.ts'

/** A fact, and where it happened. */
export interface WatchedFact {
  readonly fact: Fact
  /** From 1; absent: the process that is asked, which may be the only one. */
  readonly worker?: number
  /**
   * Counts what happens in that process while it is watched, from 1. A number that is left out is a
   * fact that was dropped since it was not heard in time. A worker that takes the place of another
   * one begins anew.
   */
  readonly sequence: number
}

export type FactWatcher = (watched: WatchedFact) => void

/** Those who watch, and what is watched on their behalf as long as there is one of them. */
export class FactWatchers {
  readonly #watchers = new Set<FactWatcher>()
  readonly #begin: (told: FactWatcher) => () => void
  #end: () => void = () => undefined

  /** `begin` is called with the first watcher, and what it gives when the last one has gone. */
  constructor(begin: (told: FactWatcher) => () => void) {
    this.#begin = begin
  }

  /** Hears of everything from now on; gives what ends that. */
  add(watcher: FactWatcher): () => void {
    this.#watchers.add(watcher)
    if (this.#watchers.size === 1) this.#end = this.#begin((watched) => this.#tell(watched))
    return () => {
      if (this.#watchers.delete(watcher) && this.#watchers.size === 0) this.#end()
    }
  }

  #tell(watched: WatchedFact): void {
    for (const watcher of this.#watchers) watcher(watched)
  }
}

/** Tells what happens in this process; gives what ends that. */
export function watchHub(facts: FactHub, told: FactWatcher): () => void {
  let sequence = 0
  return facts.add((fact) => told({ fact, sequence: ++sequence }))
}
