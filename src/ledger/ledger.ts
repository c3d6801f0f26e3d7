/**
 * The record of splits, and of strategies set at run time. One interface; SQLite or Redis behind
 * it. All splits are stored whole; what they mean is in split.ts.
 *
 * Contract, held by test/ledger/ledger.contract.ts for every implementation:
 * - Nothing here throws or rejects for a store that is away or full: the ledger goes on in memory,
 *   says so once (`ledgerTrouble`), and writes back what it holds when the store can be written
 *   again.
 * - `recall` and `save` answer within a millisecond; an implementation that can't gives a promise,
 *   and keeps it within a time limit of its own whatever its server does: nobody else limits the
 *   wait (Redis: test/interop/redis/away.test.ts).
 * - A saved split survives a kill -9 of the process; after a power failure the last moments may be
 *   missing, which costs a retry and never a message.
 */
import type { ConfigurableStrategy, StrategyName } from '../strategy/names.ts'
import type { SenderRecords } from './senders.ts'
import type { Split } from '../split/split.ts'

/** A strategy set at run time over the configured one. */
export interface StrategyOverride {
  /** A class, or all of them (peers/overrides.ts). */
  readonly peer: string
  readonly strategy: ConfigurableStrategy
  /** ms since the epoch; absent: until reset. */
  readonly until?: number
  readonly setAt: number
  /** Who set it, for the audit line. */
  readonly by: string
}

export interface OpenSplits {
  readonly peer: string
  readonly strategy: StrategyName
  readonly count: number
}

/**
 * Who would open a split: whoever forges a sender can open some in its name, but no more than
 * these.
 */
export interface Opener {
  readonly reversePath: string
  /** Whose host it is (`Told.sender`). */
  readonly client: string
}

/** What may be open at a time; beyond it messages are served unsplit. */
export interface OpenLimits {
  readonly perSender: number
  /** Of the same, bytes as the ledger counts them: what looking them up can cost. */
  readonly bytesPerSender: number
  readonly perClient: number
  readonly all: number
}

export type OpenLimit =
  | 'open_splits_per_sender'
  | 'open_split_bytes_per_sender'
  | 'open_splits_per_client'
  | 'open_splits'

export interface Ledger {
  /**
   * All open splits of messages from `reversePath`, whoever their recipients are, oldest first; or
   * 'many', where they are not told at once: `recall` tells those of a recipient.
   */
  openOf(reversePath: string): readonly Split[] | 'many' | Promise<readonly Split[] | 'many'>
  /**
   * Open splits of messages from `reversePath` in which `recipient` takes part, oldest first. Both
   * canonical.
   */
  recall(reversePath: string, recipient: string): readonly Split[] | Promise<readonly Split[]>
  /** The limit that is reached for another split of this opener, if one is. */
  crowded(
    opener: Opener,
    limits: OpenLimits,
  ): OpenLimit | undefined | Promise<OpenLimit | undefined>
  /**
   * Stores the split as it now is. `saved: false` means that another node has written a newer
   * version since it was recalled; the caller recalls and decides again. A new split has version 1;
   * each save of a known one has the stored version plus 1.
   */
  save(split: Split): { readonly saved: boolean } | Promise<{ readonly saved: boolean }>
  find(id: string): Promise<Split | undefined>
  /** Open splits, oldest first. */
  openSplits(limit: number): Promise<readonly Split[]>
  countOpen(): Promise<readonly OpenSplits[]>
  /**
   * Open splits whose last attempt was before `before` and not before `since` (ms since the epoch),
   * oldest attempt first, at most `limit`; fewer where they are large, but at least one if there is
   * one.
   */
  stale(before: number, limit: number, since?: number): Promise<readonly Split[]>
  /**
   * Deletes splits that were closed before `before`; how many. Done in pieces of at most `limit`.
   */
  forget(before: number, limit: number): Promise<number>
  /**
   * Overrides in force; read from memory, refreshed at least once a second from the store when
   * others share it.
   */
  overrides(): readonly StrategyOverride[]
  setOverride(override: StrategyOverride): Promise<void>
  resetOverride(peer: string): Promise<boolean>
  /** Reads anew what others have set: overrides, and what is known of senders. */
  refresh(): Promise<void>
  /**
   * Other nodes that reach the store know of an override or a pin after so long, ms; 0: no other
   * nodes share it.
   */
  readonly sharedWithinMs: number
  /** What was learned of senders (`auto`). */
  readonly senders: SenderRecords
  /** False while it goes on in memory only. */
  readonly durable: boolean
  close(): Promise<void>
}
