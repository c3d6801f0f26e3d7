/** Which of the limits on open splits is reached. Pure. */
import type { OpenLimit, OpenLimits } from './ledger.ts'

export interface Size {
  readonly splits: number
  readonly bytes: number
}

/** What is open of one opener, and of all: their bytes may count more than what is open. */
export interface Opened {
  readonly sender: Size
  readonly client: Size
  readonly all: Size
}

/** Whoever the opener is: nobody has more open than all together. */
export const mayBeReached = ({ splits, bytes }: Size, limits: OpenLimits): boolean =>
  splits >= Math.min(limits.perSender, limits.perClient, limits.all) ||
  bytes >= limits.bytesPerSender

export function reachedLimit(
  { sender, client, all }: Opened,
  limits: OpenLimits,
): OpenLimit | undefined {
  if (sender.splits >= limits.perSender) return 'open_splits_per_sender'
  if (sender.bytes >= limits.bytesPerSender) return 'open_split_bytes_per_sender'
  if (client.splits >= limits.perClient) return 'open_splits_per_client'
  return all.splits >= limits.all ? 'open_splits' : undefined
}
