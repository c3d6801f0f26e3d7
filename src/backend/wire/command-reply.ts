/** What comes back for a command: a reply, or the news that none will come. */
import type { Reply } from '../../smtp/reply.ts'

/**
 * No, because: `failed` says why, for the log. Every reply that was still awaited when a connection
 * ended is answered with this, and so is whoever asked for a connection or for an endpoint and
 * can't have it.
 */
export interface Failed {
  readonly failed: string
}
export type ReplyOrFailed = Reply | Failed
export const isFailed = (answer: object): answer is Failed => 'failed' in answer
