/** What was counted lately: differences of what all processes have counted. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Recent } from '../../src/app/recent.ts'
import type { MetricName } from '../../src/metrics/metrics.ts'
import { createMetrics, type Metrics } from '../../src/metrics/registry.ts'
import { Sums } from '../../src/metrics/summed.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** What these have counted, when it is read, and what `sums` has of others. */
const readerOf =
  (here: Metrics, sums = new Sums()) =>
  async (names: readonly MetricName[]): Promise<Sums> => {
    await here.registry.collect(names)
    sums.hear(here, here.registry.newlyTold())
    return sums
  }

test('minutes of all processes are told, and the last one goes on', async () => {
  const here = createMetrics({}, { processMetrics: false })
  const elsewhere = createMetrics({}, { processMetrics: false })
  const sums = new Sums()
  const recent = new Recent({ read: readerOf(here, sums), now: Date.now })
  try {
    const count = (outcome: string, delay: number): void => {
      elsewhere.transactionsTotal.inc({ peer: 'default', mode: 'split', outcome })
      if (outcome === 'accepted') elsewhere.messagesTotal.inc({ peer: 'default', mode: 'split' })
      elsewhere.retryDelaySeconds.observe({ peer: 'default', strategy: 'late' }, delay)
      sums.hear(elsewhere, elsewhere.registry.newlyTold())
    }
    await vi.advanceTimersByTimeAsync(0)
    count('accepted', 3)
    here.transactionsTotal.inc({ peer: 'default', mode: 'split', outcome: 'accepted' })
    await vi.advanceTimersByTimeAsync(60_000)
    count('deferred', 100_000)
    await vi.advanceTimersByTimeAsync(2000)
    const { minutes, delayBounds } = await recent.view()
    expect(minutes.map(({ outcomes }) => outcomes)).toEqual([{ accepted: 2 }, { deferred: 1 }])
    expect(
      minutes.map(({ messages }) => messages),
      'what is no new message is counted as an attempt alone',
    ).toEqual([1, 0])
    const [first, last] = minutes.map(({ delays }) => delays[0]?.counts ?? [])
    expect(first?.indexOf(1)).toBe(delayBounds.findIndex((bound) => bound >= 3))
    expect(last?.at(-1)).toBe(1)
  } finally {
    recent.close()
  }
})

test('a process that has ended takes nothing away', async () => {
  const here = createMetrics({}, { processMetrics: false })
  const sums = new Sums()
  const recent = new Recent({ read: readerOf(here, sums), now: Date.now })
  try {
    const elsewhere = createMetrics({}, { processMetrics: false })
    elsewhere.forcedRetriesTotal.inc({ peer: 'default', strategy: 'late' }, 5)
    sums.hear(elsewhere, elsewhere.registry.newlyTold())
    await vi.advanceTimersByTimeAsync(60_000)
    sums.leave(elsewhere)
    await vi.advanceTimersByTimeAsync(2000)
    const { minutes } = await recent.view()
    expect(minutes.map(({ forcedRetries }) => forcedRetries).every((each) => each >= 0)).toBe(true)
  } finally {
    recent.close()
  }
})

test('of all the metrics only those are read that are told', async () => {
  const asked: string[] = []
  const learned = () => {
    asked.push('senders learned')
    return []
  }
  const missing = () => {
    asked.push('missing')
    return []
  }
  const here = createMetrics({ learned, missing }, { processMetrics: false })
  const recent = new Recent({ read: readerOf(here), now: Date.now })
  try {
    await recent.view()
    expect(new Set(asked)).toEqual(new Set(['missing']))
  } finally {
    recent.close()
  }
})

test('a day is kept, and no more', async () => {
  const metrics = createMetrics({}, { processMetrics: false })
  const recent = new Recent({ read: readerOf(metrics), now: Date.now })
  try {
    for (let minute = 0; minute < 1450; minute++) await vi.advanceTimersByTimeAsync(60_000)
    expect((await recent.view()).minutes.length).toBe(1441)
  } finally {
    recent.close()
  }
})

test('how things stand is read of the metrics that there are', async () => {
  const labels = { peer: 'default', strategy: 'late' } as const
  const missing = () => [{ ...labels, recipients: 2 }]
  const metrics = createMetrics({ missing }, { processMetrics: false })
  metrics.splitsOpen.set(labels, 3)
  metrics.sessionsOpen.set({ peer: 'default', tls: 'no' }, 4)
  metrics.ledgerDurable.set(0)
  const recent = new Recent({ read: readerOf(metrics), now: Date.now })
  try {
    expect(await recent.view()).toMatchObject({
      ...{ missing: 2, open: 3, sessions: 4, ledgerDurable: false },
    })
  } finally {
    recent.close()
  }
})
