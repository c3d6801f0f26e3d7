/**
 * A server that is down for long: how often it is asked, and what is told of it. The clock is a
 * fake one, and so are the answers.
 */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { CountsHere, CountsOfAll } from '../../../src/app/workers/shared-counts.ts'
import { type Asked, Endpoints } from '../../../src/backend/endpoints/endpoints.ts'
import { systemResolver } from '../../../src/backend/endpoints/resolve.ts'
import { type Neighbours, noNeighbours } from '../../../src/backend/endpoints/room.ts'
import type { Fact } from '../../../src/facts/fact.ts'

const hour = 3_600_000
const refused = { failed: 'connect ECONNREFUSED', step: 'connect' } as const
const server = { host: '127.0.0.1', port: 25, url: 'smtp://127.0.0.1:25' }

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** One process, and the server as it sees it. */
function processOf(state: { up: boolean }, neighbours: Neighbours = noNeighbours) {
  const facts: Fact[] = []
  const askedAt: number[] = []
  const made = new Endpoints({
    servers: [server],
    neighbours,
    resolver: systemResolver,
    resolveEveryMs: 60_000,
    askEveryMs: 60_000,
    ejectMs: 5000,
    ejectAtMostMs: 300_000,
    askRelayAtMostMs: 24 * hour,
    guarded: false,
    ask: async (): Promise<Asked> => {
      askedAt.push(Date.now())
      return await Promise.resolve(state.up ? { extensions: new Map(), safe: true } : refused)
    },
    onLeave: () => undefined,
    onFact: (fact) => facts.push(fact),
    now: Date.now,
    random: Math.random,
  })
  return { made, facts, askedAt }
}

const loud = (facts: readonly Fact[]): string[] =>
  facts.flatMap((fact) => (fact.kind === 'backendFailed' && fact.quiet === true ? [] : [fact.kind]))

test('down for a day: one line when it goes, one when it comes, and growing distance between the questions, at most five minutes', async () => {
  const state = { up: false }
  const { made, facts, askedAt } = processOf(state)
  await made.askAll()
  await vi.advanceTimersByTimeAsync(24 * hour)
  const apart = askedAt.slice(1).map((at, i) => at - (askedAt[i] ?? 0))
  for (const [i, seconds] of [5, 10, 20, 40, 80, 160, 300].entries()) {
    expect(apart[i]).toBeGreaterThanOrEqual(seconds * 749)
    expect(apart[i]).toBeLessThanOrEqual(seconds * 1000)
  }
  expect(Math.max(...apart)).toBeLessThanOrEqual(300_000)
  expect(Math.min(...apart.slice(7))).toBeGreaterThanOrEqual(225_000)
  expect(loud(facts)).toEqual(['backendEjected'])
  state.up = true
  await vi.advanceTimersByTimeAsync(300_000)
  expect(loud(facts)).toEqual(['backendEjected', 'backendReturned'])
  made.close()
})

test('messages that fail meanwhile, many at a time, tell nothing more and put the next question off by no more than one wait', async () => {
  const { made, facts, askedAt } = processOf({ up: false })
  await made.askAll()
  const [endpoint] = made.all()
  if (endpoint === undefined) throw new Error('there is one')
  for (let i = 0; i < 100; i++) made.failed(endpoint, refused)
  await vi.advanceTimersByTimeAsync(5001)
  expect(askedAt).toHaveLength(2)
  expect(loud(facts)).toEqual(['backendEjected'])
  made.close()
})

test('several workers ask together no more than one would, and what one finds out all know', async () => {
  const state = { up: false }
  const here: CountsHere[] = []
  const all = new CountsOfAll<number>((worker, counts, others) =>
    here[worker]?.hear(counts, others),
  )
  const crew = [0, 1, 2, 3].map((worker) => {
    const counts = new CountsHere((changed) => all.hear(worker, changed))
    here[worker] = counts
    all.join(worker)
    const process = processOf(state, counts)
    counts.onElsewhere(() => process.made.heedNeighbours())
    return process
  })
  await Promise.all(crew.map(async ({ made }) => await made.askAll()))
  await vi.advanceTimersByTimeAsync(4 * hour)
  const before = crew.reduce((sum, { askedAt }) => sum + askedAt.length, 0)
  await vi.advanceTimersByTimeAsync(4 * hour)
  const asked = crew.reduce((sum, { askedAt }) => sum + askedAt.length, 0) - before
  // One alone: every 225 to 300 seconds.
  expect(asked).toBeLessThanOrEqual((4 * hour) / 225_000 + crew.length)
  state.up = true
  const ups = (): number =>
    crew.filter(({ facts }) => facts.at(-1)?.kind === 'backendReturned').length
  while (ups() === 0) await vi.advanceTimersByTimeAsync(1000)
  await vi.advanceTimersByTimeAsync(1000)
  expect(ups()).toBe(crew.length)
  state.up = false
  const [first] = crew
  const [endpoint] = first?.made.all() ?? []
  if (first === undefined || endpoint === undefined) throw new Error('there is one')
  first.made.failed(endpoint, refused)
  await vi.advanceTimersByTimeAsync(1000)
  expect(crew.map(({ facts }) => facts.at(-1)?.kind)).toEqual(crew.map(() => 'backendEjected'))
  for (const { made } of crew) made.close()
  for (const counts of here) counts.end()
  all.end()
})
