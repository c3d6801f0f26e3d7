/** What `mode: observe` finds out: one of the subjects of fact.ts. */
import type { StrategyName } from '../strategy/names.ts'
import type { Reason } from '../verdict/reason.ts'
import type { OfTransaction } from './of-transaction.ts'
import type { VerdictName } from './transaction.ts'

/** One recipient of a message that was passed on. */
export interface WouldBe {
  readonly address: string
  /** Absent: it could not be looked up. */
  readonly policy?: string
  /** Number of the group in this transaction, from 1. */
  readonly group?: number
  readonly verdict: VerdictName
  readonly reason: Reason
  /** When they would have heard it. */
  readonly at: 'RCPT' | 'text'
  /** What the server behind has said, and the client has heard. */
  readonly told: string
}

/** What each recipient would have been told. */
export interface ObservedFact extends OfTransaction {
  readonly kind: 'messageObserved'
  readonly at: number
  readonly peer: string
  readonly recipients: readonly WouldBe[]
  /** Some would have refused what others take. */
  readonly divided: boolean
  /**
   * Forced retries that each strategy would have caused. Absent where none would: a client with
   * PRDR, one that is never split, the return of a split.
   */
  readonly costs?: readonly { readonly strategy: StrategyName; readonly forcedRetries: number }[]
  readonly messageId?: string
  readonly score?: number
  readonly symbols?: readonly string[]
  /** From the answer to the client. */
  readonly ms: number
}

/** It was passed on, and nobody knows what it would have been. */
export interface NotObservedFact extends OfTransaction {
  readonly kind: 'messageNotObserved'
  readonly at: number
  readonly peer: string
  readonly messageId?: string
  /**
   * `crowded`: as many as may be are being judged (`limits.observed_at_a_time`). `no room`: texts
   * take more than half of what they may. `too slow`: not judged within `timeouts.reply`. `ended`:
   * Rcptwise was stopped. `lost`: the text can't be read any more.
   */
  readonly why: 'crowded' | 'no room' | 'too slow' | 'ended' | 'lost'
}
