/**
 * What the admin API asks of the running product; app.ts gives it. Times are ms since the epoch.
 */
import type { HistoryJson } from './history-schema.ts'
import type { Split } from '../split/split.ts'
import type { ConfigurableStrategy, StrategyName } from '../strategy/names.ts'

export interface PeerView {
  readonly name: string
  /** In the configuration. */
  readonly configured: ConfigurableStrategy
  readonly inForce: ConfigurableStrategy
  /** Another strategy whose cost is counted. */
  readonly shadow?: StrategyName
  /** Set at run time; absent when the configuration is in force. */
  readonly override?: {
    readonly strategy: ConfigurableStrategy
    /** Absent: until reset. */
    readonly until?: number
    readonly by: string
    readonly setAt: number
  }
  readonly deferCode: 450 | 451 | 452
  readonly retryHintSeconds: number
  /** Which peers the class holds, in words for one line. */
  readonly match: string
  /** What each strategy would do to whom, in words. */
  readonly meanings: Readonly<Record<string, string>>
  /** Behind a change: where it is not in force yet, in words. Absent: it is in force everywhere. */
  readonly notYet?: readonly string[]
}

/** What was learned of a sender, and how `auto` serves it because of that. */
export interface SenderView {
  /** A domain, or a network. */
  readonly name: string
  readonly strategy: StrategyName
  readonly why: string
  /** The words are those of strategy/auto.ts. */
  readonly lessons: Readonly<Record<string, number>>
  /** When it was last changed. */
  readonly at: number
  readonly pin?: { readonly strategy: StrategyName; readonly by: string; readonly at: number }
  /** As of a peer class. */
  readonly notYet?: readonly string[]
}

export interface ForgivenFate {
  readonly address: string
  readonly what: string
}

/** What is asked of the history: all that is said has to hold. */
export interface HistoryAsked {
  readonly address?: string | undefined
  readonly from?: string | undefined
  readonly messageId?: string | undefined
  readonly client?: string | undefined
  readonly split?: string | undefined
  readonly queueId?: string | undefined
  /** No older than this. */
  readonly sinceMs?: number | undefined
  readonly limit: number
}

export interface AdminContext {
  /** What became of messages; `undefined`: no history is kept. */
  history(asked: HistoryAsked): Promise<HistoryJson | undefined>
  /** Asked at each `/readyz`; `reasons` says what is missing, in words. */
  ready(): { readonly ready: boolean; readonly reasons: readonly string[] }
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>
  /** In the order of the configuration. */
  peers(): readonly PeerView[]
  /**
   * In force for the next transaction when it resolves, but for what `notYet` names. `undefined`:
   * there is no such peer class. `untilMs` absent: until reset.
   */
  setStrategy(
    name: string,
    strategy: ConfigurableStrategy,
    untilMs: number | undefined,
    by: string,
  ): Promise<PeerView | undefined>
  /** Back to the configured strategy; no error when it is in force already. */
  resetStrategy(name: string, by: string): Promise<PeerView | undefined>
  /** Open splits, oldest first. */
  splits(limit: number): Promise<readonly Split[]>
  /** Splits with recipients whom nobody offers again, the longest unattempted first. */
  missing(limit: number): Promise<readonly Split[]>
  /** The last changed first. */
  senders(): readonly SenderView[]
  /**
   * Serves a sender this way whatever was learned of it, also one that is not known yet;
   * `undefined`: as learned again.
   */
  pinSender(
    name: string,
    strategy: StrategyName | undefined,
    by: string,
  ): Promise<SenderView | undefined>
  /** Whether anything was known of it. */
  forgetSender(name: string, by: string): Promise<boolean>
  /** Also one that was closed, as long as the ledger keeps it. */
  split(id: string): Promise<Split | undefined>
  /** What would become of each recipient at the next attempt, in words. */
  ifForgiven(split: Split): readonly ForgivenFate[]
  /**
   * Lets the message through unsplit from its next attempt on (design: rule 5). `undefined`: no
   * such open split.
   */
  forgive(id: string, by: string): Promise<Split | undefined>
}
