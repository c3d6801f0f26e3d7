/** The metrics of several processes as those of one. */
import { expect, test } from 'vitest'
import { createMetrics } from '../../src/metrics/registry.ts'
import { addRemains, metricsOf, sumOf } from '../../src/metrics/summed.ts'

const process = (): ReturnType<typeof createMetrics> => createMetrics({}, { processMetrics: false })

test('counters and histograms add up; of a gauge the sum, the least or the most, as it says', async () => {
  const [one, other] = [process(), process()]
  one.recipientsTotal.inc({ peer: 'default', verdict: 'accept' }, 2)
  other.recipientsTotal.inc({ peer: 'default', verdict: 'accept' }, 3)
  other.recipientsTotal.inc({ peer: 'default', verdict: 'tag' })
  one.judgeSeconds.observe({ judge: 'headers' }, 0.02)
  other.judgeSeconds.observe({ judge: 'headers' }, 4)
  one.sessionsOpen.inc({ peer: 'default', tls: 'no' }, 5)
  other.sessionsOpen.inc({ peer: 'default', tls: 'no' }, 6)
  other.ledgerDurable.set(0)
  other.policyEntries.set(7)
  const lines = (
    await sumOf([await metricsOf(one.registry), await metricsOf(other.registry)]).metrics()
  ).split('\n')
  expect(lines).toEqual(
    expect.arrayContaining([
      'rcptwise_recipients_total{peer="default",verdict="accept"} 5',
      'rcptwise_recipients_total{peer="default",verdict="tag"} 1',
      'rcptwise_judge_seconds_bucket{le="0.025",judge="headers"} 1',
      'rcptwise_judge_seconds_bucket{le="5",judge="headers"} 2',
      'rcptwise_judge_seconds_sum{judge="headers"} 4.02',
      'rcptwise_judge_seconds_count{judge="headers"} 2',
      'rcptwise_sessions_open{peer="default",tls="no"} 11',
      'rcptwise_ledger_durable 0',
      'rcptwise_policy_entries 7',
    ]),
  )
})

test('of processes that have ended the counts remain, and what they had open does not', async () => {
  const [first, second, alive] = [process(), process(), process()]
  for (const metrics of [first, second, alive]) {
    metrics.messagesBytesTotal.inc(10)
    metrics.sessionsOpen.inc({ peer: 'default', tls: 'no' })
  }
  second.ledgerDurable.set(0)
  const remains = await addRemains(
    await addRemains([], await metricsOf(first.registry)),
    await metricsOf(second.registry),
  )
  const text = await sumOf([remains, await metricsOf(alive.registry)]).metrics()
  expect(text).toContain('rcptwise_messages_bytes_total 30')
  expect(text).toContain('rcptwise_sessions_open{peer="default",tls="no"} 1')
  expect(text).toContain('rcptwise_ledger_durable 1')
})
