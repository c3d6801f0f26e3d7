/** Reports to senders about recipients who refused (strategy `bounce`). */
import type { OfTransaction } from './of-transaction.ts'

/**
 * Why no report can be made: `automatic`, a program or a list has sent the message; `unvouched`,
 * neither SPF nor DKIM vouches for the sender; `limited`, the sender had as many as it may have;
 * `undeliverable`, the backend would not take a report for this sender.
 */
export type NoBounce = 'automatic' | 'unvouched' | 'limited' | 'undeliverable'

/**
 * `failed`: the backend took the report's envelope and not its text; the message was answered 451
 * and comes again.
 */
export type BounceResult = NoBounce | 'reported' | 'failed'

export type BounceFact =
  /**
   * Strategy `bounce`: some refused a message that others have, and the sender was told so in a
   * report, or why it was not.
   */
  OfTransaction & {
    readonly kind: 'bounce'
    readonly at: number
    readonly session: string
    readonly peer: string
    readonly reversePath: string
    readonly result: BounceResult
    /** Who vouched for the sender: `spf`, `dkim` or `symbols`. */
    readonly by?: string
    /** Whose refusal the report tells. */
    readonly recipients?: number
    /** In words, where there is no report. */
    readonly why?: string
  }
