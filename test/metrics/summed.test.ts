/** The metrics of several processes as those of one, and what each of them has to tell. */
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { isNothing } from '../../src/metrics/counting-registry.ts'
import { exposition } from '../../src/metrics/exposition.ts'
import { metricsFromFacts } from '../../src/metrics/from-facts.ts'
import { initialise } from '../../src/metrics/initialise.ts'
import { createMetrics, type Metrics } from '../../src/metrics/registry.ts'
import { Sums } from '../../src/metrics/summed.ts'
import { textOf } from '../../src/metrics/text-of.ts'
import type { Told } from '../../src/metrics/told.ts'
import { runs } from '../support/properties.ts'
import { everyKind } from './sample-facts.ts'

const begun = (): Metrics => createMetrics({}, { processMetrics: false })

/** As it comes from another process. */
const hear = (sums: Sums, metrics: Metrics, most?: number): Told => {
  const told = structuredClone(metrics.registry.newlyTold(most))
  sums.hear(metrics, told)
  if (most === undefined) expect(metrics.registry.fresh).toBe(0)
  return told
}

const textIn = (sums: Sums): string => exposition(sums, [], 'prometheus').toString()
const linesIn = (sums: Sums): readonly string[] => textIn(sums).split('\n')

test('counters and histograms add up; of a gauge the sum, the least or the most, as it says', () => {
  const [one, other] = [begun(), begun()]
  one.recipientsTotal.inc({ peer: 'default', verdict: 'accept' }, 2)
  other.recipientsTotal.inc({ peer: 'default', verdict: 'accept' }, 3)
  other.recipientsTotal.inc({ peer: 'default', verdict: 'tag' })
  one.judgeSeconds.observe({ judge: 'headers' }, 0.02)
  other.judgeSeconds.observe({ judge: 'headers' }, 4)
  one.sessionsOpen.inc({ peer: 'default', tls: 'no' }, 5)
  other.sessionsOpen.inc({ peer: 'default', tls: 'no' }, 6)
  other.ledgerDurable.set(0)
  other.policyEntries.set(7)
  const sums = new Sums()
  for (const metrics of [one, other]) hear(sums, metrics)
  expect(linesIn(sums)).toEqual(
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

test('of processes that have ended the counts remain, and what they had open does not', () => {
  const [first, second, alive] = [begun(), begun(), begun()]
  const sums = new Sums()
  second.ledgerDurable.set(0)
  for (const metrics of [first, second, alive]) {
    metrics.messagesBytesTotal.inc(10)
    metrics.sessionsOpen.inc({ peer: 'default', tls: 'no' })
    hear(sums, metrics)
  }
  first.sessionsOpen.inc({ peer: 'only here', tls: 'no' })
  hear(sums, first)
  expect(textIn(sums)).toContain('only here')
  sums.leave(first)
  sums.leave(second)
  for (let time = 0; time < 2; time++) {
    const lines = linesIn(sums)
    expect(lines).toContain('rcptwise_messages_bytes_total 30')
    expect(lines).toContain('rcptwise_sessions_open{peer="default",tls="no"} 1')
    expect(lines).toContain('rcptwise_ledger_durable 1')
    expect(lines.join()).not.toContain('only here')
  }
  alive.messagesBytesTotal.inc(5)
  hear(sums, alive)
  expect(linesIn(sums)).toContain('rcptwise_messages_bytes_total 35')
})

test('what was counted does not become less when a process ends, not by the last digit either', () => {
  const [first, ...others] = [0.1, 0.2, 0.3].map((seconds) => {
    const metrics = begun()
    metrics.judgeSeconds.observe({ judge: 'headers' }, seconds)
    return metrics
  })
  const sums = new Sums()
  for (const metrics of [first, ...others]) if (metrics !== undefined) hear(sums, metrics)
  const line = `rcptwise_judge_seconds_sum{judge="headers"} ${0.1 + 0.2 + 0.3}`
  expect(linesIn(sums)).toContain(line)
  expect(0.2 + 0.3 + 0.1).toBeLessThan(0.1 + 0.2 + 0.3)
  if (first !== undefined) sums.leave(first)
  expect(linesIn(sums)).toContain(line)
})

test('a place that one series leaves and another one takes between two messages is the other', () => {
  const metrics = begun()
  const sums = new Sums()
  const expires = (name: string): void =>
    metrics.tlsCertificateExpirySeconds.setAll([[{ name }, name.length]])
  expires('old.example')
  hear(sums, metrics)
  metrics.tlsCertificateExpirySeconds.setAll([])
  expires('never told')
  metrics.tlsCertificateExpirySeconds.setAll([])
  expires('new.example.org')
  const { fresh, gone } = hear(sums, metrics)
  expect([fresh.length, gone.length]).toEqual([1, 1])
  const lines = linesIn(sums).filter((line) => line.startsWith('rcptwise_tls_certificate_expiry'))
  expect(lines).toEqual(['rcptwise_tls_certificate_expiry_seconds{name="new.example.org"} 15'])
  expect(metrics.registry.fresh).toBe(0)
})

test('a series that is gone and comes again between two messages is there', () => {
  const metrics = begun()
  const sums = new Sums()
  const present = [[{ name: 'mx.example.org' }, 5]] as const
  metrics.tlsCertificateExpirySeconds.setAll(present)
  hear(sums, metrics)
  metrics.tlsCertificateExpirySeconds.setAll([])
  metrics.tlsCertificateExpirySeconds.setAll(present)
  hear(sums, metrics)
  const line = 'rcptwise_tls_certificate_expiry_seconds{name="mx.example.org"} 5'
  expect(linesIn(sums)).toContain(line)
  metrics.tlsCertificateExpirySeconds.setAll([])
  hear(sums, metrics)
  expect(linesIn(sums)).not.toContain(line)
  metrics.tlsCertificateExpirySeconds.setAll(present)
  metrics.tlsCertificateExpirySeconds.setAll([])
  expect(isNothing(metrics.registry.newlyTold()), 'nobody has heard that it was there').toBe(true)
})

/** What can happen in one of four processes, and between them and the one that adds. */
const happenings = fc.array(
  fc.record({
    process: fc.nat(3),
    what: fc.constantFrom(
      ...['count', 'observe', 'set', 'replace', 'tell', 'tell in pieces', 'end', 'read'],
    ),
    peer: fc.constantFrom('a', 'b', 'c'),
    amount: fc.nat(9000),
  }),
  { maxLength: 60 },
)

test('whatever processes count, tell and end, in any order: the text is that of all that was told', () => {
  fc.assert(
    fc.property(happenings, (all) => {
      const sums = new Sums()
      const processes = Array.from({ length: 4 }, begun)
      // What is added anew at each reading, from what everybody had told in full.
      const full = new Map<Metrics, Told>()
      const ended = new Map<Metrics, Told>()
      const anew = (): string => {
        const fresh = new Sums()
        for (const [metrics, told] of [...ended, ...full]) fresh.hear(metrics, told)
        for (const metrics of ended.keys()) fresh.leave(metrics)
        return textIn(fresh).split('\n').sort().join('\n')
      }
      const same = (): void => {
        expect(textIn(sums).split('\n').sort().join('\n')).toBe(anew())
      }
      for (const { process, what, peer, amount } of all) {
        const metrics = processes[process] ?? begun()
        const labels = { peer, strategy: 'late' }
        if (what === 'count') metrics.forcedRetriesTotal.inc(labels, amount % 3)
        else if (what === 'observe') metrics.retryDelaySeconds.observe(labels, amount)
        else if (what === 'set') metrics.sessionsOpen.set({ peer, tls: 'no' }, amount % 3)
        else if (what === 'replace')
          metrics.strategyInForce.setAll(amount % 5 === 0 ? [] : [[labels, 1]])
        else if (what === 'read') same()
        else {
          full.set(metrics, metrics.registry.everything())
          if (what === 'tell in pieces')
            for (let left = metrics.registry.waiting; left > 0; left--) hear(sums, metrics, 1)
          else hear(sums, metrics)
          if (what !== 'end') continue
          sums.leave(metrics)
          ended.set(metrics, metrics.registry.everything())
          full.delete(metrics)
          processes[process] = begun()
        }
      }
      same()
    }),
    { numRuns: runs(300) },
  )
})

describe('metrics.md: “A worker that has counted nothing tells nothing, and what has not changed is not written anew.”', () => {
  const classes = Array.from({ length: 300 }, (_, n) => `class-${n}`)
  const toldOf = (metrics: Metrics): ((of: readonly string[]) => void) => {
    const tell = metricsFromFacts(metrics)
    return (of) => {
      for (const peer of of)
        for (const fact of everyKind) tell('peer' in fact ? { ...fact, peer } : fact)
    }
  }
  it('at first everything', () => {
    const house = begun()
    initialise(
      house,
      classes.map((name) => ({ name, strategy: 'auto' })),
    )
    const sums = new Sums()
    expect(hear(sums, house).places.length).toBeGreaterThan(classes.length * 30)
    expect(sums.toWrite).toBeGreaterThan(classes.length * 30)
  })

  it('then what has changed, of however many classes', async () => {
    const metrics = begun()
    const happens = toldOf(metrics)
    const sums = new Sums()
    happens(classes)
    await metrics.registry.collect()
    const { places } = hear(sums, metrics)
    textIn(sums)
    expect(isNothing(hear(sums, metrics))).toBe(true)
    await metrics.registry.collect()
    expect(isNothing(hear(sums, metrics)), 'what is read has not changed either').toBe(true)
    expect(sums.toWrite).toBe(0)
    happens(['class-7'])
    const told = hear(sums, metrics)
    expect(told.fresh).toEqual([])
    expect(told.places.length).toBeGreaterThan(10)
    expect(told.places.length).toBeLessThan(200)
    expect(sums.toWrite).toBeLessThan(places.length / 3)
    expect(textIn(sums)).toBe(await textOf(metrics))
  })
})
