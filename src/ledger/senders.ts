/**
 * What was learned of senders, as sums by name: kept with the ledger, so that it survives restarts
 * and is shared by processes and nodes. What the sums mean is in src/strategy/auto.ts.
 *
 * Contract, held by test/ledger/senders.contract.ts for every implementation: reads are from
 * memory, which follows the store within a second; writes are batched and never waited for by mail;
 * sums of several writers add up. While the store is away everything goes on in memory, and what
 * was added is written when it is back.
 */
import type { StrategyName } from '../strategy/names.ts'
import { known } from '../known.ts'

export interface SenderPin {
  readonly strategy: StrategyName
  readonly by: string
  /** ms since the epoch. */
  readonly at: number
  /** From then on it does not count, ms since the epoch; absent: until it is taken away. */
  readonly until?: number
}

/** Of a sender's retries so many are remembered one by one. */
export const mostDelays = 20

export interface SenderRecord {
  readonly name: string
  readonly counts: Readonly<Record<string, number>>
  /** When it was last changed, ms since the epoch. */
  readonly at: number
  readonly pin?: SenderPin
  /** After how many seconds its last retries came, the latest last. */
  readonly delays?: readonly number[]
  /** When its last message came of which something was counted, ms since the epoch. */
  readonly seen?: number
}

/** To be added to what is stored of a name. */
export interface SenderChange {
  readonly name: string
  /** ms since the epoch. */
  readonly at: number
  readonly counts?: Readonly<Record<string, number>>
  /** `false` takes the pin away; one that is over by `at` goes with any change. */
  readonly pin?: SenderPin | false
  /** To be put behind those that are known. */
  readonly delays?: readonly number[]
  readonly seen?: number
  /** All that is known before this change is gone. */
  readonly forget?: true
}

export interface SenderRecords {
  find(name: string): SenderRecord | undefined
  /** In no order, and as it goes: what changes meanwhile may be in it or not. */
  each(): Iterable<SenderRecord>
  /** In memory at once, in the store within a second. */
  change(change: SenderChange): void
  /** Everything that was changed here is in the store, or the store is away. */
  flush(): Promise<void>
}

/** One change on top of what is known; undefined for nothing. Pure. */
export function applyChange(
  record: SenderRecord | undefined,
  change: SenderChange,
): SenderRecord | undefined {
  const before = change.forget === true ? undefined : record
  const set = change.pin === undefined ? before?.pin : change.pin === false ? undefined : change.pin
  const pin = set !== undefined && isOver(set, change.at) ? undefined : set
  const counts = addCounts(before?.counts, change.counts)
  if (pin === undefined && Object.keys(counts).length === 0) return undefined
  const at = Math.max(before?.at ?? 0, change.at)
  return { name: change.name, counts, at, ...known({ pin, ...seenOf(before ?? {}, change) }) }
}

const isOver = ({ until }: SenderPin, now: number): boolean => until !== undefined && until <= now

function addCounts(
  first: SenderChange['counts'] = {},
  then: SenderChange['counts'] = {},
): Record<string, number> {
  const counts: Record<string, number> = { ...first }
  for (const [name, count] of Object.entries(then)) counts[name] = (counts[name] ?? 0) + count
  return counts
}

type Seen = Pick<SenderChange, 'delays' | 'seen'>

/** What was seen of it first, and then. */
function seenOf(first: Seen, then: Seen): Seen {
  const delays = [...(first.delays ?? []), ...(then.delays ?? [])].slice(-mostDelays)
  const seen = Math.max(first.seen ?? 0, then.seen ?? 0)
  return { ...(delays.length > 0 && { delays }), ...(seen > 0 && { seen }) }
}

/** Two changes of one name, one after the other, as one. Pure. */
export function joinChanges(first: SenderChange | undefined, then: SenderChange): SenderChange {
  if (first === undefined || then.forget === true) return then
  const counts = addCounts(first.counts, then.counts)
  const pin = then.pin ?? first.pin
  return {
    name: then.name,
    at: Math.max(first.at, then.at),
    counts,
    ...known({ pin, ...seenOf(first, then) }),
    ...(first.forget === true ? { forget: true } : {}),
  }
}
