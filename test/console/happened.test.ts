/** What the page says has happened: before it was opened, and since then. */
import { expect, test } from 'vitest'
import { type Happened, LatestEvents } from '../../src/console/happened.ts'

const at = Date.UTC(2026, 0, 1)
const entry = (n: number) => ({
  ...{ at: new Date(at + n).toISOString(), by: 'ann', change: 'strategyChanged' },
  ...{ of: 'default', from: 'auto', to: 'off', reason: 'they asked' },
})
const event = (n: number) => ({
  ...{ id: '', name: 'strategyChanged' },
  data: JSON.stringify({
    at: at + n,
    peer: 'default',
    strategy: 'off',
    by: 'ann',
    reason: 'they asked',
  }),
})

test('changes of the past stand below what has happened since, and a change is there once', () => {
  const latest = new LatestEvents()
  let shown: readonly Happened[] = []
  latest.watch((events) => (shown = events), new AbortController().signal)
  latest.add(event(2))
  latest.addPast([entry(2), entry(1)])
  latest.add(event(3))
  expect(shown).toEqual(
    [3, 2, 1].map((n) => ({
      ...{ at: at + n, words: 'Strategy changed: default, off, by ann, they asked' },
    })),
  )
  latest.addPast(Array.from({ length: 50 }, (_, n) => entry(-n)))
  expect(shown).toHaveLength(12)
})
