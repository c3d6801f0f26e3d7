/** What the page says has happened: before it was opened, and since then. */
import { expect, test } from 'vitest'
import { isSeldom, toldKinds } from '../../src/app/live/event-of-fact.ts'
import { type Happened, LatestEvents, verbs } from '../../src/console/happened.ts'

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

test('the page has words for all that is seldom, which it asks for, and for nothing else', () => {
  expect(Object.keys(verbs).sort()).toEqual(toldKinds.filter(isSeldom).sort())
})

test('what happened before the page was opened is shown, and once with what was heard meanwhile', () => {
  const latest = new LatestEvents()
  let shown: readonly Happened[] = []
  latest.watch((events) => (shown = events), new AbortController().signal)
  const down = (n: number) => ({ kind: 'backendEjected', at: at + n, server: `10.0.0.${n}:25` })
  const heard = (n: number) => ({ id: '', name: 'backendEjected', data: JSON.stringify(down(n)) })
  latest.add(heard(3))
  const unknown = { kind: 'somethingNew', at }
  latest.addMissed({ events: [down(3), down(2), unknown, down(1)] })
  // The stream has begun anew.
  latest.addMissed({ events: [down(4), down(3), down(2)] })
  expect(shown.map(({ words }) => words)).toEqual(
    [4, 3, 2, 1].map((n) => `Server down: 10.0.0.${n}:25`),
  )
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
