/**
 * The strategies set at run time, shared by all nodes: a list in memory that follows the server's.
 */
import type { StrategyOverride } from '../ledger.ts'
import type { OverrideChange, RedisStore } from './commands.ts'

export class SharedOverrides {
  #all: readonly StrategyOverride[] = []
  /** Of the server's list, when it was read last. */
  #version: string | undefined
  /** Made while the server was away, by peer. */
  readonly #held = new Map<string, OverrideChange>()

  /** Those in force at `now`, ms since the epoch. */
  inForce(now: number): readonly StrategyOverride[] {
    if (this.#all.some((override) => hasEnded(override, now))) {
      this.#all = this.#all.filter((override) => !hasEnded(override, now))
    }
    return this.#all
  }

  /** Asks the server whether somebody changed something, and reads it then. */
  async refresh(store: RedisStore): Promise<void> {
    if ((await store.overridesVersion()) === this.#version) return
    const { version, all } = await store.overrides()
    this.#version = version
    this.#all = all
  }

  /** In force at once; written to the server when it is back. */
  hold(change: OverrideChange): void {
    this.#held.set(change.peer, { ...change, late: true })
    const others = this.#all.filter(({ peer }) => peer !== change.peer)
    const all = change.override === undefined ? others : [...others, change.override]
    this.#all = all.sort((a, b) => (a.peer < b.peer ? -1 : 1))
  }

  get isWritten(): boolean {
    return this.#held.size === 0
  }

  /** Rejects with what the server says; what was not written is still held. */
  async writeBack(store: RedisStore): Promise<void> {
    for (const [peer, change] of this.#held) {
      await store.changeOverride(change)
      if (this.#held.get(peer) === change) this.#held.delete(peer)
    }
    // The server may be another one, or empty.
    this.#version = undefined
    if (this.isWritten) await this.refresh(store)
  }
}

export const hasEnded = ({ until }: StrategyOverride, now: number): boolean =>
  until !== undefined && until <= now
