/** The strategies set at run time, as rows of one database and as a list in memory. */
import type { DatabaseSync } from 'node:sqlite'
import { isConfigurableStrategy } from '../../strategy/names.ts'
import type { StrategyOverride } from '../ledger.ts'

/** Synchronous; throws what SQLite throws. */
export class OverrideTable {
  readonly #database: DatabaseSync
  /**
   * Peers whose override was set or reset since it was opened: what a file that was away has
   * missed.
   */
  readonly written: Set<string> | undefined

  constructor(database: DatabaseSync, { remember }: { readonly remember: boolean }) {
    this.#database = database
    this.written = remember ? new Set() : undefined
  }

  /**
   * Those that end after `now`, ms since the epoch; a strategy this release does not know is left
   * out.
   */
  read(now: number): StrategyOverride[] {
    const rows = this.#database
      .prepare('select * from strategy_override where until is null or until > ? order by peer')
      .all(now)
    return rows.flatMap(({ peer, strategy, until, set_at: setAt, set_by: by }) => {
      if (typeof strategy !== 'string' || !isConfigurableStrategy(strategy)) return []
      const ends = typeof until === 'number' ? { until } : {}
      return [{ peer: String(peer), strategy, ...ends, setAt: Number(setAt), by: String(by) }]
    })
  }

  set({ peer, strategy, until, setAt, by }: StrategyOverride): void {
    this.#database
      .prepare('insert or replace into strategy_override values (?, ?, ?, ?, ?)')
      .run(peer, strategy, until ?? null, setAt, by)
    this.written?.add(peer)
  }

  /** Whether there was one. */
  reset(peer: string): boolean {
    const { changes } = this.#database
      .prepare('delete from strategy_override where peer = ?')
      .run(peer)
    this.written?.add(peer)
    return changes !== 0
  }

  dropExpired(now: number): void {
    this.#database.prepare('delete from strategy_override where until <= ?').run(now)
  }
}
