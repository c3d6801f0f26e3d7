/** What becomes of splits: opened, closed, forgiven, and who is missing. */
import type { SplitOutcome } from '../split/split.ts'
import type { StrategyName } from '../strategy/names.ts'
import type { OfTransaction } from './of-transaction.ts'

export type SplitFact =
  | (OfTransaction & {
      readonly kind: 'splitOpened'
      readonly at: number
      readonly split: string
      readonly peer: string
      readonly strategy: StrategyName
    })
  | {
      readonly kind: 'splitClosed'
      readonly at: number
      readonly split: string
      /** The last one of this message; absent where none has ended and the store lost the rest. */
      readonly transaction?: string
      readonly messageId?: string
      readonly peer: string
      readonly strategy: StrategyName
      readonly outcome: SplitOutcome
      readonly durationMs: number
      /** Recipients that were deferred and never seen again; only for `abandoned`. */
      readonly abandonedRecipients: readonly string[]
    }
  /**
   * Deferred recipients whom nobody offers again: their mail may be lost, or its sender never heard
   * of their refusal.
   */
  | {
      readonly kind: 'recipientsMissing'
      readonly at: number
      readonly split: string
      /** The last one in which somebody of them was offered. */
      readonly transaction?: string
      readonly peer: string
      readonly strategy: StrategyName
      readonly reversePath: string
      readonly messageId?: string
      /** `refused`: they would have been told no. */
      readonly recipients: readonly {
        readonly address: string
        readonly state: 'waiting' | 'refused'
      }[]
      /**
       * Others of the message have it, or have their answer; else the sender knows that it has
       * failed.
       */
      readonly othersAnswered: boolean
      readonly lastAttemptAt: number
      readonly client?: { readonly address: string; readonly rdns?: string }
      readonly vouched: boolean
    }
  /** By an operator, not by a rule. */
  | {
      readonly kind: 'splitForgiven'
      readonly at: number
      readonly split: string
      readonly peer: string
      readonly by: string
      readonly reason?: string
    }
