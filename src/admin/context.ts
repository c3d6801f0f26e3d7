/**
 * What the admin API asks of the running product; app.ts gives it. Times are ms since the epoch.
 */
import type { LiveEvents } from './events/live-events.ts'
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
  /** Recipients that were deferred only to split. */
  readonly forcedRetries: number
  /** After how many seconds its last retries came, the latest last. */
  readonly retryDelays: readonly number[]
  /** When its last message came of which something was counted. */
  readonly seen?: number
  readonly pin?: {
    readonly strategy: StrategyName
    readonly by: string
    readonly at: number
    /** Absent: until it is taken away. */
    readonly until?: number
  }
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

/** An open split in which somebody has the message, and whose sender does not know that. */
export interface HeldSplit {
  readonly id: string
  readonly reversePath: string
  /** Of the last attempt. */
  readonly client?: string
  readonly messageId?: string
  readonly startedAt: number
  readonly lastAttemptAt: number
  /** Who has the message, or may have it. */
  readonly held: readonly string[]
  /** Who else is still without an answer. */
  readonly waiting: readonly string[]
  /** When messages of this sender were seen to come back, ms after an attempt. */
  readonly comesBack?: { readonly fromMs: number; readonly toMs: number }
}

/** Who is waited for until Rcptwise can be taken away. */
export interface DrainView {
  /** No split is begun since then; absent: they are. */
  readonly since?: number
  readonly by?: string
  /** Open splits in all. */
  readonly open: number
  /** Of these: somebody has the message. */
  readonly held: number
  /** False: there are more open splits than were looked at. */
  readonly all: boolean
  /** False: the ledger is away, and what other processes have open is not known. */
  readonly durable: boolean
  /** Other front-ends share the ledger. */
  readonly shared: boolean
  /** Of those held, the longest unattempted first. */
  readonly splits: readonly HeldSplit[]
  /** As of a peer class. */
  readonly notYet?: readonly string[]
}

/** A change that somebody made. */
export interface AuditEntry {
  readonly at: number
  readonly by: string
  /** The event of the log: `strategyChanged`, `senderChanged`, `splitForgiven`, `drainChanged`. */
  readonly change: string
  /** A peer class, a sender, a split; absent for all. */
  readonly of?: string
  readonly from?: string
  readonly to?: string
  readonly until?: number
  readonly reason?: string
}

/** Who changes something, and why, in their words. */
export interface Author {
  readonly by: string
  readonly reason?: string | undefined
}

/** What was counted in a minute. */
export interface MinuteView {
  /** When it began. */
  readonly at: number
  /** Each once, however often it came: a retry is no new one. */
  readonly messages: number
  /** Transactions by outcome. */
  readonly outcomes: Readonly<Record<string, number>>
  readonly forcedRetries: number
  /** How long senders took to come back: so many in each of `delayBounds`, and above the last. */
  readonly delays: readonly {
    readonly peer: string
    readonly strategy: string
    readonly counts: readonly number[]
  }[]
}

export interface RecentView {
  /** Oldest first; the last one goes on. */
  readonly minutes: readonly MinuteView[]
  /** Seconds. */
  readonly delayBounds: readonly number[]
  /** Splits. */
  readonly open: number
  /** Recipients whom nobody offers again. */
  readonly missing: number
  readonly sessions: number
  readonly ledgerDurable: boolean
  readonly servers: readonly {
    readonly name: string
    readonly up: boolean
    readonly connections: number
  }[]
  readonly judges: readonly {
    readonly name: string
    readonly serversDown: number
    readonly asked: number
    readonly failed: number
  }[]
}

export interface ConfigurationView {
  readonly since: number
  readonly file?: string
  /** Keys that a reload has changed, and that need a restart. */
  readonly needRestart: readonly string[]
  /** The last reload, when it was refused. */
  readonly refused?: { readonly at: number; readonly why: readonly string[] } | undefined
  readonly values: readonly {
    readonly key: string
    readonly value: string
    /** A line of the file, an option of the command line, or `default`. */
    readonly from: string
  }[]
}

export interface AdminContext {
  /** Changes, the last one first. */
  audit(limit: number): readonly AuditEntry[]
  /** What happens seldom, whether somebody watched or not, as JSON each; the last one first. */
  happened(limit: number): readonly string[]
  configuration(): ConfigurationView
  /** Which front-end this is. */
  about(): { readonly instance: string; readonly version: string; readonly startedAt: number }
  recent(): Promise<RecentView>
  readonly events: LiveEvents
  /** What became of messages; `undefined`: no history is kept. */
  history(asked: HistoryAsked): Promise<HistoryJson | undefined>
  /** Asked at each `/readyz`; `reasons` says what is missing, in words. */
  ready(): {
    readonly ready: boolean
    readonly reasons: readonly string[]
    readonly draining: boolean
  }
  /** In the format that the Accept field asks for. `done`: the octets are not read any more. */
  metrics(accept: string | undefined): Promise<{
    readonly contentType: string
    readonly octets: Buffer
    readonly done?: () => void
  }>
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
    author: Author,
  ): Promise<PeerView | undefined>
  /** Back to the configured strategy; no error when it is in force already. */
  resetStrategy(name: string, author: Author): Promise<PeerView | undefined>
  /** Who is waited for; at most `limit` splits are named. */
  drained(limit: number): Promise<DrainView>
  /** Begins no split any more; no error when that is so already. */
  drain(limit: number, author: Author): Promise<DrainView>
  undrain(limit: number, author: Author): Promise<DrainView>
  /** Open splits, oldest first. */
  splits(limit: number): Promise<readonly Split[]>
  /** Splits with recipients whom nobody offers again, the longest unattempted first. */
  missing(limit: number): Promise<readonly Split[]>
  /** The last changed first. */
  senders(): readonly SenderView[]
  /**
   * Serves a sender this way whatever was learned of it, also one that is not known yet;
   * `undefined`: as learned again. `untilMs` absent: until it is taken away.
   */
  pinSender(
    name: string,
    strategy: StrategyName | undefined,
    untilMs: number | undefined,
    author: Author,
  ): Promise<SenderView | undefined>
  /** Whether anything was known of it. */
  forgetSender(name: string, author: Author): Promise<boolean>
  /** Also one that was closed, as long as the ledger keeps it. */
  split(id: string): Promise<Split | undefined>
  /** What would become of each recipient at the next attempt, in words. */
  ifForgiven(split: Split): readonly ForgivenFate[]
  /**
   * Lets the message through unsplit from its next attempt on (design: rule 5). `undefined`: no
   * such open split.
   */
  forgive(id: string, author: Author): Promise<Split | undefined>
}
