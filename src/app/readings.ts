/**
 * What all processes have counted, for whoever asks. Series that are new are put in order ahead, a
 * few at a time: there are very many of them with a thousand peer classes, and mail would wait for
 * whoever asks first.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { exposition, type Format } from '../metrics/exposition.ts'
import { initialiseStrategy } from '../metrics/initialise.ts'
import type { MetricName } from '../metrics/metrics.ts'
import type { Metrics } from '../metrics/registry.ts'
import type { Sums } from '../metrics/summed.ts'
import type { MetricJson } from '../metrics/told.ts'
import { isStrategyName } from '../strategy/names.ts'
import { Room } from './room.ts'

/** Between two looks at whether there are new ones. */
const lookMs = 2000
/** New series between two turns of the event loop. */
const atOnce = 2000
/** Lines of new series are written for so long between two turns, and those of one metric more. */
const sliceMs = 5

/** The text of /metrics. */
export interface Reading {
  readonly octets: Buffer
  /** Nobody reads them any more: they may be written over. */
  readonly done: () => void
}

export class Readings implements Disposable {
  readonly #metrics: Metrics
  readonly #sums: Sums
  readonly #room = new Room()
  readonly #looking: NodeJS.Timeout
  /** The series that there are at the start are in order. */
  readonly ready: Promise<void>
  #closed = false

  constructor(metrics: Metrics, sums: Sums) {
    this.#metrics = metrics
    this.#sums = sums
    this.#looking = setInterval(() => void this.#putInOrder(), lookMs).unref()
    this.ready = this.#putInOrder()
  }

  /** As the others have told it last. */
  counted(): Sums {
    this.#sums.hear(this.#metrics, this.#metrics.registry.newlyTold())
    return this.#sums
  }

  /** The same, and what nothing counts is read for it: all of that, or these. */
  async read(names?: readonly MetricName[]): Promise<Sums> {
    this.#knowPairs()
    await this.#metrics.registry.collect(names)
    return this.counted()
  }

  /** `ofOthers`: what Node.js tells of each of the other processes. */
  async text(ofOthers: readonly (readonly MetricJson[])[], format: Format): Promise<Reading> {
    if (this.#metrics.registry.fresh > atOnce) await this.#putInOrder()
    const ofNode = [await this.#metrics.ofNode(), ...ofOthers]
    const sums = await this.read()
    const taken = this.#room.take()
    const octets = exposition(sums, ofNode, format, taken.room)
    return { octets, done: taken.done }
  }

  [Symbol.dispose](): void {
    this.#closed = true
    clearInterval(this.#looking)
  }

  async #putInOrder(): Promise<void> {
    const { registry } = this.#metrics
    while (registry.fresh > 0 && !this.#closed) {
      this.#sums.hear(this.#metrics, registry.newlyTold(atOnce))
      await turn()
    }
    let since = performance.now()
    for (const family of this.#sums.families) {
      if (!family.hasNew || this.#closed) continue
      family.write()
      if (performance.now() - since < sliceMs) continue
      await turn()
      since = performance.now()
    }
  }

  /** So that splits_open shows a 0 of each pair that other processes know. */
  #knowPairs(): void {
    for (const { labels } of this.#sums.of('splits_opened_total')) {
      const [peer = '', strategy = ''] = labels
      if (isStrategyName(strategy)) initialiseStrategy(this.#metrics, peer, strategy)
    }
  }
}
