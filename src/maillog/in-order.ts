/** Several sources as one, in the order of time: each is taken to be in that order itself. */
import type { Entry, Source } from './entry.ts'

interface Head {
  readonly source: Source
  batch: readonly Entry[]
  next: number
}

/**
 * Calls `take` for each entry; rejects with what a source rejects with. `after`: some were taken.
 */
export async function inOrder(
  sources: readonly Source[],
  take: (entry: Entry) => void,
  after: () => Promise<void>,
): Promise<void> {
  const heads: Head[] = []
  for (const source of sources) {
    const head = { source, batch: [], next: 0 }
    if (await refill(head)) heads.push(head)
  }
  while (heads.length > 0) {
    const [first, until] = earliest(heads)
    if (!takeUntil(first, until, take)) {
      await after()
      if (!(await refill(first))) heads.splice(heads.indexOf(first), 1)
    }
  }
  await after()
}

async function refill(head: Head): Promise<boolean> {
  head.next = 0
  for (;;) {
    const { value, done } = await head.source.next()
    if (done === true) return false
    head.batch = value
    if (value.length > 0) return true
  }
}

const timeOf = ({ batch, next }: Head): number => batch[next]?.at ?? Infinity

/** The source whose turn it is, and until when it stays so. */
function earliest(heads: readonly Head[]): readonly [Head, number] {
  let [first, until] = [heads[0] as Head, Infinity]
  for (const head of heads.slice(1)) {
    if (timeOf(head) < timeOf(first)) {
      until = timeOf(first)
      first = head
    } else until = Math.min(until, timeOf(head))
  }
  return [first, until]
}

/** False: nothing is left of what was read. */
function takeUntil(head: Head, until: number, take: (entry: Entry) => void): boolean {
  const { batch } = head
  for (;;) {
    const entry = batch[head.next]
    if (entry === undefined) return false
    if (entry.at > until) return true
    head.next++
    take(entry)
  }
}
