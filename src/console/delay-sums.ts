/** Delays of many minutes together, by class and strategy, and their percentiles. Pure. */
import type { RecentJson } from '../admin/recent-schema.ts'

type Minute = RecentJson['minutes'][number]

export interface DelayRow {
  readonly peer: string
  readonly strategy: string
  /** One more than there are bounds: the last is what took longer. */
  readonly counts: readonly number[]
  readonly total: number
  /** Seconds. */
  readonly bounds: readonly number[]
}

export function rowsOf(minutes: readonly Minute[], bounds: readonly number[]): DelayRow[] {
  const rows = Map.groupBy(
    minutes.flatMap(({ delays }) => delays),
    ({ peer, strategy }) => `${peer}\n${strategy}`,
  )
  return [...rows].map(([name, all]) => {
    const [peer = '', strategy = ''] = name.split('\n')
    const counts = [...bounds, Infinity].map((_, i) =>
      all.reduce((sum, each) => sum + (each.counts[i] ?? 0), 0),
    )
    return { peer, strategy, counts, total: counts.reduce((sum, each) => sum + each, 0), bounds }
  })
}

/**
 * The bound within which this share came back: no more is known than the buckets tell. Undefined:
 * nobody came.
 */
export function percentile({ counts, total, bounds }: DelayRow, share: number): number | undefined {
  if (total === 0) return undefined
  let seen = 0
  for (const [i, value] of counts.entries()) {
    seen += value
    if (seen >= share * total) return bounds[i] ?? Infinity
  }
  return Infinity
}
