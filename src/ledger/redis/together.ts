/** What several shards say, as one ledger would say it. Pure. */
import type { OpenSplits } from '../ledger.ts'
import type { Opened, Size } from '../open-limits.ts'
import type { Split } from '../../split/split.ts'
import type { StalePage } from './shard.ts'

/** Of the open splits of each, oldest first. */
export const oldestOf = (lists: readonly (readonly Split[])[], limit: number): readonly Split[] =>
  oldestBy(lists, ({ startedAt }) => startedAt).slice(0, limit)

/**
 * Stale splits of each, oldest attempt first. Those after the last one of a page that is cut are
 * left for later: others that stand before them are not known yet.
 */
export function stalestOf(pages: readonly StalePage[], limit: number): readonly Split[] {
  const ends = pages.map(({ splits, isCut }) =>
    isCut ? (splits.at(-1)?.lastAttemptAt ?? Infinity) : Infinity,
  )
  const end = Math.min(...ends)
  return oldestBy(
    pages.map(({ splits }) => splits),
    ({ lastAttemptAt }) => lastAttemptAt,
  )
    .filter(({ lastAttemptAt }) => lastAttemptAt <= end)
    .slice(0, limit)
}

function oldestBy(
  lists: readonly (readonly Split[])[],
  time: (split: Split) => number,
): readonly Split[] {
  const [only] = lists
  if (only !== undefined && lists.length === 1) return only
  return lists.flat().toSorted((a, b) => time(a) - time(b))
}

/** By peer and strategy. */
export function sumOfCounts(lists: readonly (readonly OpenSplits[])[]): readonly OpenSplits[] {
  const sums = new Map<string, OpenSplits>()
  for (const one of lists.flat()) {
    const key = `${one.strategy} ${one.peer}`
    sums.set(key, { ...one, count: one.count + (sums.get(key)?.count ?? 0) })
  }
  return [...sums.values()]
}

export function sumOfOpened(all: readonly Opened[]): Opened {
  const sum = (part: keyof Opened): Size => ({
    splits: all.reduce((so, one) => so + one[part].splits, 0),
    bytes: all.reduce((so, one) => so + one[part].bytes, 0),
  })
  return { sender: sum('sender'), client: sum('client'), all: sum('all') }
}
