/** What was counted lately: differences of what all processes have counted. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Recent } from '../../src/app/recent.ts'
import { type MetricJson, metricsOf } from '../../src/metrics/summed.ts'
import { createMetrics } from '../../src/metrics/registry.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

test('minutes of all processes are told, and the last one goes on', async () => {
  const here = createMetrics({}, { processMetrics: false })
  const elsewhere = createMetrics({}, { processMetrics: false })
  let others: readonly (readonly MetricJson[])[] = []
  const recent = new Recent({ metrics: here, others: () => others, now: Date.now })
  try {
    const count = async (outcome: string, delay: number): Promise<void> => {
      elsewhere.transactionsTotal.inc({ peer: 'default', mode: 'split', outcome })
      if (outcome === 'accepted') elsewhere.messagesTotal.inc({ peer: 'default', mode: 'split' })
      elsewhere.retryDelaySeconds.observe({ peer: 'default', strategy: 'late' }, delay)
      others = [await metricsOf(elsewhere.registry)]
    }
    await vi.advanceTimersByTimeAsync(0)
    await count('accepted', 3)
    here.transactionsTotal.inc({ peer: 'default', mode: 'split', outcome: 'accepted' })
    await vi.advanceTimersByTimeAsync(60_000)
    await count('deferred', 100_000)
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
  let others: readonly (readonly MetricJson[])[] = []
  const recent = new Recent({ metrics: here, others: () => others, now: Date.now })
  try {
    const elsewhere = createMetrics({}, { processMetrics: false })
    elsewhere.forcedRetriesTotal.inc({ peer: 'default', strategy: 'late' }, 5)
    others = [await metricsOf(elsewhere.registry)]
    await vi.advanceTimersByTimeAsync(60_000)
    others = []
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
  const recent = new Recent({ metrics: here, others: () => [], now: Date.now })
  try {
    await recent.view()
    expect(new Set(asked)).toEqual(new Set(['missing']))
  } finally {
    recent.close()
  }
})

test('a day is kept, and no more', async () => {
  const metrics = createMetrics({}, { processMetrics: false })
  const recent = new Recent({ metrics, others: () => [], now: Date.now })
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
  const recent = new Recent({ metrics, others: () => [], now: Date.now })
  try {
    expect(await recent.view()).toMatchObject({
      ...{ missing: 2, open: 3, sessions: 4, ledgerDurable: false },
    })
  } finally {
    recent.close()
  }
})
