/**
 * The splits that front-ends share, in memory and with the indexes that a ledger has: what is
 * promised of a ledger (src/ledger/ledger.ts), without a file, a thread or a time of its own.
 */
import type { Ledger, OpenSplits } from '../../src/ledger/ledger.ts'
import type { Split } from '../../src/split/split.ts'

/** What front-ends ask of what they share; a ledger on SQLite is one, too. */
export type Store = Pick<
  Ledger,
  'openOf' | 'recall' | 'save' | 'find' | 'openSplits' | 'countOpen' | 'stale' | 'forget'
>

export interface MemoryStoreOptions {
  /** A split that is not known is taken whatever its version. */
  readonly adopts?: boolean
  /** With it, what was written last can be lost (`forgetSince`). */
  readonly now?: () => number
}

interface Replaced {
  readonly at: number
  readonly split: Split
  readonly stored: Split | undefined
}

const rememberedSaves = 1000

const oldestFirst = (one: Split, other: Split): number => one.startedAt - other.startedAt

export class MemoryStore implements Store {
  readonly #splits = new Map<string, Split>()
  readonly #open = new Map<string, Split>()
  readonly #openOf = new Map<string, Map<string, Split>>()
  readonly #options: MemoryStoreOptions
  /** What the last saves have replaced, the oldest first. */
  #replaced: Replaced[] = []

  constructor(options: MemoryStoreOptions = {}) {
    this.#options = options
  }

  openOf(reversePath: string): readonly Split[] {
    return [...(this.#openOf.get(reversePath)?.values() ?? [])].toSorted(oldestFirst)
  }

  recall(reversePath: string, recipient: string): readonly Split[] {
    return this.openOf(reversePath).filter(({ recipients }) =>
      recipients.some(({ address }) => address === recipient),
    )
  }

  save(split: Split): { readonly saved: boolean } {
    const stored = this.#splits.get(split.id)
    const follows = split.version === (stored?.version ?? 0) + 1
    const { adopts = false } = this.#options
    if (!follows && !(adopts && stored === undefined)) return { saved: false }
    this.#remember({ split, stored })
    this.#put(split)
    return { saved: true }
  }

  /** As a replica that was promoted before it had everything. */
  forgetSince(at: number): void {
    const lost = this.#replaced.filter((replaced) => replaced.at >= at).toReversed()
    this.#replaced = []
    for (const { split, stored } of lost) {
      this.#take(split)
      if (stored !== undefined) this.#put(stored)
    }
  }

  #remember(replaced: Omit<Replaced, 'at'>): void {
    const at = this.#options.now?.()
    if (at === undefined) return
    this.#replaced.push({ ...replaced, at })
    if (this.#replaced.length > 2 * rememberedSaves)
      this.#replaced = this.#replaced.slice(-rememberedSaves)
  }

  #put(split: Split): void {
    this.#take(split)
    this.#splits.set(split.id, split)
    if (split.status !== 'open') return
    const own = this.#openOf.get(split.reversePath) ?? new Map<string, Split>()
    this.#openOf.set(split.reversePath, own.set(split.id, split))
    this.#open.set(split.id, split)
  }

  #take({ id, reversePath }: Split): void {
    this.#splits.delete(id)
    this.#open.delete(id)
    const own = this.#openOf.get(reversePath)
    own?.delete(id)
    if (own?.size === 0) this.#openOf.delete(reversePath)
  }

  async find(id: string): Promise<Split | undefined> {
    return await Promise.resolve(this.#splits.get(id))
  }

  async openSplits(limit: number): Promise<readonly Split[]> {
    return await Promise.resolve([...this.#open.values()].toSorted(oldestFirst).slice(0, limit))
  }

  async countOpen(): Promise<readonly OpenSplits[]> {
    const counts = new Map<string, OpenSplits>()
    for (const { peer, strategy } of this.#open.values()) {
      const { count } = counts.get(`${strategy} ${peer}`) ?? { count: 0 }
      counts.set(`${strategy} ${peer}`, { peer, strategy, count: count + 1 })
    }
    return await Promise.resolve([...counts.values()])
  }

  async stale(before: number, limit: number, since = 0): Promise<readonly Split[]> {
    const found = [...this.#open.values()]
      .filter(({ lastAttemptAt }) => lastAttemptAt < before && lastAttemptAt >= since)
      .toSorted((a, b) => a.lastAttemptAt - b.lastAttemptAt)
    return await Promise.resolve(found.slice(0, limit))
  }

  async forget(before: number, limit: number): Promise<number> {
    const old = [...this.#splits.values()]
      .filter(({ closedAt }) => closedAt !== undefined && closedAt < before)
      .slice(0, limit)
    for (const { id } of old) this.#splits.delete(id)
    return await Promise.resolve(old.length)
  }
}
