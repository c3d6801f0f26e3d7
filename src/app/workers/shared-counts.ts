/**
 * Sessions, and octets of texts, are counted by each worker and limited in all. Workers tell what
 * they have, a moment after it changed; the primary tells each what the others have. A limit can so
 * be passed by the connections that come at the same moment to different workers.
 */
import type { WatchedCounts } from '../../listen/shared-limits.ts'
import type { SharedCount } from './messages.ts'

/**
 * How long changes are gathered before they are told, in ms: what opens and closes within this time
 * is never told at all.
 */
export const gatherMs = 20

/** Calls `send` with the keys that changed, a moment later. The timer keeps no process alive. */
class Gathered {
  readonly #send: (keys: ReadonlySet<string>) => void
  #keys = new Set<string>()
  #timer: NodeJS.Timeout | undefined

  constructor(send: (keys: ReadonlySet<string>) => void) {
    this.#send = send
  }

  add(key: string): void {
    this.#keys.add(key)
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      const keys = this.#keys
      this.#keys = new Set()
      this.#send(keys)
    }, gatherMs).unref()
  }

  end(): void {
    clearTimeout(this.#timer)
  }
}

/** A worker's side. */
export class CountsHere implements WatchedCounts {
  readonly #counts = new Map<string, number>()
  readonly #elsewhere = new Map<string, number>()
  readonly #told = new Map<string, number>()
  readonly #gathered: Gathered
  readonly #listeners = new Set<() => void>()
  /** Other workers that take connections. */
  others = 0

  constructor(send: (counts: readonly SharedCount[]) => void) {
    this.#gathered = new Gathered((keys) => {
      const changed = [...keys].filter((key) => this.here(key) !== (this.#told.get(key) ?? 0))
      for (const key of changed) set(this.#told, key, this.here(key))
      if (changed.length > 0) send(changed.map((key) => [key, this.here(key)]))
    })
  }

  /** Of this worker alone. */
  here(key: string): number {
    return this.#counts.get(key) ?? 0
  }

  /** Of this worker and all others. */
  of(key: string): number {
    return this.here(key) + this.elsewhere(key)
  }

  elsewhere(key: string): number {
    return this.#elsewhere.get(key) ?? 0
  }

  change(key: string, by: number): void {
    set(this.#counts, key, this.here(key) + by)
    this.#gathered.add(key)
  }

  hear(counts: readonly SharedCount[], others: number): void {
    this.others = others
    for (const [key, count] of counts) set(this.#elsewhere, key, count)
    for (const listener of this.#listeners) listener()
  }

  onElsewhere(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  end(): void {
    this.#gathered.end()
  }
}

/** The primary's side. */
export class CountsOfAll<Worker> {
  readonly #byWorker = new Map<Worker, Map<string, number>>()
  readonly #total = new Map<string, number>()
  readonly #send: (worker: Worker, counts: readonly SharedCount[], others: number) => void
  readonly #gathered: Gathered

  constructor(send: (worker: Worker, counts: readonly SharedCount[], others: number) => void) {
    this.#send = send
    this.#gathered = new Gathered((keys) => {
      for (const worker of this.#byWorker.keys()) this.#tell(worker, keys)
    })
  }

  /** It is told of everything that the others have. */
  join(worker: Worker): void {
    if (this.#byWorker.has(worker)) return
    this.#byWorker.set(worker, new Map())
    for (const each of this.#byWorker.keys())
      this.#tell(each, each === worker ? this.#total.keys() : [])
  }

  hear(worker: Worker, counts: readonly SharedCount[]): void {
    // It may have let someone in before it said that it began.
    this.join(worker)
    const own = this.#byWorker.get(worker) ?? new Map<string, number>()
    for (const [key, count] of counts) {
      set(this.#total, key, (this.#total.get(key) ?? 0) + count - (own.get(key) ?? 0))
      set(own, key, count)
      this.#gathered.add(key)
    }
  }

  /** It has ended, and its sessions with it. */
  leave(worker: Worker): void {
    const own = this.#byWorker.get(worker)
    if (own === undefined) return
    this.hear(
      worker,
      [...own.keys()].map((key) => [key, 0]),
    )
    this.#byWorker.delete(worker)
    for (const each of this.#byWorker.keys()) this.#tell(each, [])
  }

  end(): void {
    this.#gathered.end()
  }

  #tell(worker: Worker, keys: Iterable<string>): void {
    const own = this.#byWorker.get(worker)
    const counts = [...keys].map((key): SharedCount => [
      key,
      (this.#total.get(key) ?? 0) - (own?.get(key) ?? 0),
    ])
    this.#send(worker, counts, this.#byWorker.size - 1)
  }
}

/** Nothing is kept of a key that nobody has. */
function set(counts: Map<string, number>, key: string, count: number): void {
  if (count > 0) counts.set(key, count)
  else counts.delete(key)
}
