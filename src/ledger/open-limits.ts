/** Which of the limits on open splits is reached. Pure. */
import type { OpenLimit, OpenLimits } from './ledger.ts'

export interface Size {
  readonly splits: number
  readonly bytes: number
}

/** What is open of one opener and of all. */
export interface Opened {
  readonly sender: Size
  readonly client: Size
  readonly all: Size
}

export function reachedLimit({ sender, client, all }: Opened, limits: OpenLimits): OpenLimit | undefined {
  if (sender.splits >= limits.perSender) return 'open_splits_per_sender'
  if (sender.bytes >= limits.bytesPerSender) return 'open_split_bytes_per_sender'
  if (client.splits >= limits.perClient) return 'open_splits_per_client'
  return all.splits >= limits.all ? 'open_splits' : undefined
}
