/** Peer classes: how the legacy clients of each are served. */
import type { StrategyName } from './names.ts'

/** Whom `auto` has chosen a strategy for, and why. */
export interface AutoReason {
  /** Its name among those learned. */
  readonly sender: string
  readonly why: string
}

/**
 * How the legacy clients of one peer class are served; a class is a named set of peers in the
 * configuration.
 */
export interface PeerClass {
  readonly name: string
  readonly strategy: StrategyName
  /** `auto` has chosen the strategy, for this reason. */
  readonly chosen?: AutoReason
  /** How a message that neither SPF nor DKIM vouches for is served instead (`auto`). */
  readonly unvouchedAs?: StrategyName
  /** Another strategy whose cost is counted without doing it. */
  readonly shadow?: StrategyName
  /** 450, 451 or 452; 452 makes Exim go on in the same connection (senders). Rule 3. */
  readonly deferCode: 450 | 451 | 452
  /** What the retry hint says, in seconds (draft-santos-smtpgrey-02). */
  readonly retryHintSeconds: number
  /**
   * `largest`: look ahead over pipelined RCPTs; `offered`: the sender's first recipient decides
   * (senders: KumoMTA, Exim with 452).
   */
  readonly first: 'largest' | 'offered'
  /** Rule 5: how a message that makes no progress is let through. */
  readonly forgiveAs: 'lenient' | 'off'
  /** Rule 5: attempts without progress after which the next one is let through. */
  readonly forgiveAfter: number
  /** Rule 7: forced retries of one message after which it is let through. */
  readonly maxForcedRetries: number
  /**
   * `group`, `single`: the deferred get the text at once all the same, and their retry is
   * acknowledged without a second delivery.
   */
  readonly deliverDeferred: boolean
  /** What `lenient` does for recipients who would have refused. */
  readonly lenientAs: 'tag' | 'quarantine'
}
