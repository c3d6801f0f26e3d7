/**
 * What the ledger knows while its server is away: splits written since then, in memory, and their
 * way back to the server. When it stands in is for failover.ts.
 */
import type { Ledger } from '../ledger.ts'
import type { Dropped, RedisStore } from './commands.ts'
import { openSqliteLedger, type SqliteLedgerOptions } from '../sqlite/sqlite.ts'
import type { Split } from '../../split/split.ts'

/** Splits written back at the same time. */
const writtenAtOnce = 32

/** A split that others keep changing meanwhile is theirs. */
const mostAttempts = 3

export type MemoryOptions = Pick<SqliteLedgerOptions, 'onFact' | 'maxSplits' | 'maxBytes'> & {
  readonly clock: () => number
}

export async function openMemory(options: MemoryOptions): Promise<AwayMemory> {
  return new AwayMemory(await openSqliteLedger({ ...options, path: ':memory:', adopts: true }))
}

export class AwayMemory {
  readonly #ledger: Ledger
  /** Ids of splits that the server has not seen as they are here. */
  readonly #written = new Set<string>()
  readonly #underWay = new Set<Promise<unknown>>()

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  /** Nothing is left to write back, and nobody is about to write. */
  get isWritten(): boolean {
    return this.#written.size === 0 && this.#underWay.size === 0
  }

  use<T>(call: (ledger: Ledger) => T | Promise<T>): T | Promise<T> {
    const result = call(this.#ledger)
    return result instanceof Promise ? this.#track(result) : result
  }

  /** A split that is not known here is taken as it is: its earlier versions are on the server. */
  save(split: Split): { readonly saved: boolean } | Promise<{ readonly saved: boolean }> {
    const saved = this.#ledger.save(split)
    if (saved instanceof Promise)
      return this.#track(saved.then((result) => this.#note(split.id, result)))
    return this.#note(split.id, saved)
  }

  /**
   * Writes back all there is; of two versions the newer one stays. Rejects with what the server
   * says; nothing is lost then.
   */
  async writeBack(
    store: RedisStore,
    onDropped: (dropped: readonly Dropped[]) => void,
  ): Promise<void> {
    while (!this.isWritten) {
      await Promise.allSettled(this.#underWay)
      const ids = [...this.#written].slice(0, writtenAtOnce)
      for (const id of ids) this.#written.delete(id)
      try {
        for (const dropped of await Promise.all(
          ids.map(async (id) => await this.#restore(store, id)),
        ))
          onDropped(dropped)
      } catch (error) {
        for (const id of ids) this.#written.add(id)
        throw error
      }
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#underWay)
    await this.#ledger.close()
  }

  async #restore(store: RedisStore, id: string): Promise<readonly Dropped[]> {
    for (let attempt = 0; attempt < mostAttempts; attempt += 1) {
      const split = await this.#ledger.find(id)
      const stored = split === undefined ? undefined : await store.find(id)
      if (split === undefined || (stored !== undefined && !isNewer(split, stored))) return []
      // Whoever has recalled the stored one, or saved another with this one's version, is told that
      // there is a newer one.
      const version = Math.max(split.version, (stored?.version ?? 0) + 1)
      const { saved, dropped } = await store.save({ ...split, version }, stored?.version ?? 0)
      if (saved) return dropped
    }
    return []
  }

  #note(id: string, result: { readonly saved: boolean }): { readonly saved: boolean } {
    if (result.saved) this.#written.add(id)
    return result
  }

  async #track<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work)
    try {
      return await work
    } finally {
      this.#underWay.delete(work)
    }
  }
}

const isNewer = (split: Split, stored: Split): boolean =>
  split.version > stored.version ||
  (split.version === stored.version && split.lastAttemptAt > stored.lastAttemptAt)
