/** What comes back for a command: a reply, or the news that none will come. */
import type { Reply } from '../../smtp/reply.ts'

/**
 * A connection that ended: `lost` says why, for the log. Every reply that was still awaited is
 * answered with this.
 */
export interface Lost {
  readonly lost: string
}
export type ReplyOrLost = Reply | Lost
export const isLost = (heard: ReplyOrLost): heard is Lost => 'lost' in heard
