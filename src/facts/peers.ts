/** How peers and senders are served from now on: by hand, or because it was learned. */
import type { ConfigurableStrategy, StrategyName } from '../strategy/names.ts'

export type PeerFact =
  | {
      readonly kind: 'strategyChanged'
      readonly at: number
      readonly peer: string
      readonly strategy: ConfigurableStrategy
      /** In force before. */
      readonly from?: ConfigurableStrategy
      readonly until?: number
      readonly by: string
      /** In the words of who did it. */
      readonly reason?: string
      readonly reset: boolean
    }
  /** `auto` serves a sender in another way from now on. */
  | {
      readonly kind: 'senderLearned'
      readonly at: number
      readonly sender: string
      readonly strategy: StrategyName
      readonly why: string
    }
  /** By hand: what was learned of a sender is gone, or does not count. */
  | {
      readonly kind: 'senderChanged'
      readonly at: number
      readonly sender: string
      readonly change: 'pinned' | 'unpinned' | 'forgotten'
      readonly strategy?: StrategyName
      /** How it was served before; absent where nothing was known of it. */
      readonly from?: StrategyName
      /** When the pin is over; absent: when somebody takes it away. */
      readonly until?: number
      readonly by: string
      readonly reason?: string
    }
