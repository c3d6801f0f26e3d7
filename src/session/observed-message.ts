/** A message that was passed on (`mode: observe`), as it is handed to who finds out the rest. */
import type { Reply } from '../smtp/reply.ts'
import type { PeerClass } from '../strategy/peer-class.ts'

/** One whom the server behind has answered for good, and what it said. */
export interface ObservedRecipient {
  /** In the transaction. */
  readonly index: number
  /** As the policies know it. */
  readonly address: string
  /** As the ledger would. */
  readonly key: string
  readonly told: Reply
}

/** A message that was passed on, with all that a decision about it goes by but the judges. */
export interface ObservedMessage {
  readonly id: string
  readonly peer: PeerClass
  /** Address of the reverse-path. */
  readonly sender: string
  readonly sizeBytes: number
  /** SIZE of MAIL. */
  readonly declaredBytes?: number
  readonly messageId?: string
  /**
   * A strategy would have counted: it was the first attempt of a client without PRDR, which may be
   * split.
   */
  readonly splittable: boolean
  readonly recipients: readonly ObservedRecipient[]
}
