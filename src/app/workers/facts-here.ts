/**
 * A worker's facts for its primary, while somebody watches there: gathered, and told a moment
 * later. One batch is under way at a time. What happens while the primary does not read it waits,
 * up to a limit; more is dropped and counted, since mail never waits for who watches it.
 */
import type { Fact } from '../../facts/fact.ts'
import type { FactHub } from '../fact-hub.ts'
import type { WatchedFact } from '../watched-facts.ts'
import type { FactBatch } from './messages.ts'
import { gatherMs } from './shared-counts.ts'

/** Facts that wait, at most. */
export const mostWaiting = 2000

export interface FactsHereOptions {
  /** Calls `sent` when the batch has left the process, or never will. */
  readonly send: (batch: FactBatch, sent: () => void) => void
  readonly onDropped: () => void
}

export class FactsHere {
  readonly #hub: FactHub
  readonly #options: FactsHereOptions
  #gathering: Gathering | undefined
  /** Of the last fact that was watched. */
  #sequence = 0

  constructor(hub: FactHub, options: FactsHereOptions) {
    this.#hub = hub
    this.#options = options
  }

  /** Somebody watches from now on, or nobody does. */
  watch(on: boolean): void {
    this.#sequence = this.#gathering?.end() ?? this.#sequence
    this.#gathering = on ? new Gathering(this.#hub, this.#options, this.#sequence) : undefined
  }
}

/** For as long as somebody watches. */
class Gathering {
  readonly #options: FactsHereOptions
  readonly #endListening: () => void
  #waiting: Fact[] = []
  /** Of the last fact, and of the first that waits. */
  #sequence: number
  #first = 0
  #at: 'rest' | 'gathering' | 'sending' | 'ended' = 'rest'
  #timer: NodeJS.Timeout | undefined

  constructor(hub: FactHub, options: FactsHereOptions, sequence: number) {
    this.#options = options
    this.#sequence = sequence
    this.#endListening = hub.add((fact) => this.#add(fact))
  }

  /** Gives the number of the last fact that it heard. */
  end(): number {
    this.#at = 'ended'
    this.#endListening()
    clearTimeout(this.#timer)
    return this.#sequence
  }

  #add(fact: Fact): void {
    this.#sequence++
    if (this.#waiting.length >= mostWaiting) return this.#options.onDropped()
    if (this.#waiting.length === 0) this.#first = this.#sequence
    this.#waiting.push(fact)
    if (this.#at === 'rest') this.#gather()
  }

  #gather(): void {
    this.#at = 'gathering'
    this.#timer = setTimeout(() => this.#send(), gatherMs).unref()
  }

  #send(): void {
    this.#at = 'sending'
    const facts = this.#waiting
    this.#waiting = []
    this.#options.send({ first: this.#first, facts }, () => this.#sent())
  }

  #sent(): void {
    if (this.#at !== 'sending') return
    this.#at = 'rest'
    if (this.#waiting.length > 0) this.#gather()
  }
}

/** As who watches in the primary hears them. */
export const watchedFacts = (worker: number, { first, facts }: FactBatch): readonly WatchedFact[] =>
  facts.map((fact, i) => ({ fact, worker, sequence: first + i }))
