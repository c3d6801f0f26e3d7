/** The text of /metrics in both formats, of one process and of several. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { exposition, formatFor } from '../../src/metrics/exposition.ts'
import { metricsFromFacts } from '../../src/metrics/from-facts.ts'
import { initialise } from '../../src/metrics/initialise.ts'
import { type Metrics, createMetrics } from '../../src/metrics/registry.ts'
import { familiesOf, metricsOf, sumOf } from '../../src/metrics/summed.ts'
import { runs } from '../support/properties.ts'
import { readOpenMetrics } from './openmetrics.ts'
import { everyKind } from './sample-facts.ts'

function fed(worker?: string): Metrics {
  const metrics = createMetrics({}, { ...(worker !== undefined && { worker }) })
  const tell = metricsFromFacts(metrics)
  for (const fact of everyKind) tell(fact)
  return metrics
}

/** Lines of samples, whatever the order of labels and lines; what changes by itself left out. */
const samplesIn = (text: string): readonly string[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('rcptwise_'))
    .map((line) =>
      line.replace(/\{(.*)\}/, (_, labels: string) => `{${labels.split(',').sort().join(',')}}`),
    )
    .sort()

describe('the text of one process', () => {
  it('has what prom-client writes', async () => {
    const { registry } = fed()
    const ours = exposition(await familiesOf(registry), [], 'prometheus')
    expect(samplesIn(ours)).toEqual(samplesIn(await registry.metrics()))
  })

  it('keeps what it has written of a series until something is counted', async () => {
    const metrics = fed()
    for (let i = 0; i < 3; i++) {
      metrics.retryDelaySeconds.observe({ peer: 'default', strategy: 'group' }, 10 ** i)
      metrics.forcedRetriesTotal.inc({ peer: 'default', strategy: 'late' })
      metrics.spoolBytes.set({ kind: 'disk' }, i)
      const ours = exposition(await familiesOf(metrics.registry), [], 'prometheus')
      expect(samplesIn(ours)).toEqual(samplesIn(await metrics.registry.metrics()))
    }
  })

  it('writes anew only what was counted since, of however many classes', () => {
    const read: string[] = []
    const entries = Array.from({ length: 3000 }, (_, i) => {
      const labels = new Proxy(
        { peer: `class-${i}` },
        {
          get(of, name) {
            read.push(of.peer)
            return Reflect.get(of, name) as unknown
          },
        },
      )
      return { labels, value: 0 }
    })
    const family = {
      of: entries,
      ...{ name: 'rcptwise_duplicates_suppressed_total', help: 'x', aggregator: 'sum' },
      ...{ type: 'counter', entries, bounds: [] },
    }
    const lines = (): number => exposition([family], [], 'prometheus').split('\n').length
    expect(lines()).toBe(3003)
    read.length = 0
    expect(lines()).toBe(3003)
    expect(read).toEqual([])
    const [, , counted] = entries
    if (counted !== undefined) counted.value = 1
    expect(exposition([family], [], 'prometheus')).toContain('{peer="class-2"} 1\n')
    expect(new Set(read).size).toBeLessThanOrEqual(1)
  })

  it('metrics.md: “Who asks for OpenMetrics (`Accept: application/openmetrics-text`) gets version 1.0.0 of it.”', async () => {
    const metrics = fed()
    initialise(metrics, [{ name: 'we "quote" \\ and\nmore', strategy: 'auto' }])
    const text = exposition(await familiesOf(metrics.registry), [], 'openmetrics')
    const families = readOpenMetrics(text)
    const retries = families.find(({ name }) => name === 'rcptwise_forced_retries')
    expect(retries).toMatchObject({ type: 'counter' })
    expect(retries?.samples.map(({ name }) => name)).toContain('rcptwise_forced_retries_total')
    expect(families.length).toBeGreaterThan(70)
  })
})

describe('the text of several processes', () => {
  it('has what prom-client makes of them', async () => {
    const [one, other] = [fed('1'), fed('2')]
    const all = [await metricsOf(one.registry), await metricsOf(other.registry)]
    const ours = exposition(await familiesOf(one.registry), [all[1] ?? []], 'prometheus')
    expect(samplesIn(ours)).toEqual(samplesIn(await sumOf(all).metrics()))
    readOpenMetrics(exposition(await familiesOf(one.registry), [all[1] ?? []], 'openmetrics'))
  })

  it('has a series once in which processes name their labels in another order', async () => {
    const [one, other] = [createMetrics({}), createMetrics({})]
    one.transactionsTotal.inc({ peer: 'a', mode: 'plain', outcome: 'accepted' })
    other.transactionsTotal.inc({ outcome: 'accepted', mode: 'plain', peer: 'a' })
    const text = exposition(
      await familiesOf(one.registry),
      [await metricsOf(other.registry)],
      'openmetrics',
    )
    readOpenMetrics(text)
    expect(text).toContain(
      'rcptwise_transactions_total{peer="a",mode="plain",outcome="accepted"} 2\n',
    )
  })

  it('adds what was counted, however it is spread over processes', async () => {
    const counted = fc.array(
      fc.record({ process: fc.nat(3), peer: fc.constantFrom('a', 'b'), seconds: fc.nat(9000) }),
      { maxLength: 30 },
    )
    await fc.assert(
      fc.asyncProperty(counted, async (all) => {
        const processes = Array.from({ length: 4 }, () =>
          createMetrics({}, { processMetrics: false }),
        )
        const alone = createMetrics({}, { processMetrics: false })
        for (const { process, peer, seconds } of all)
          for (const metrics of [processes[process], alone]) {
            metrics?.forcedRetriesTotal.inc({ peer, strategy: 'late' })
            metrics?.retryDelaySeconds.observe({ peer, strategy: 'late' }, seconds)
          }
        const [first = alone, ...rest] = processes
        const own = await familiesOf(first.registry)
        const others = await Promise.all(
          rest.map(async ({ registry }) => await metricsOf(registry)),
        )
        const counts = (text: string): readonly string[] =>
          samplesIn(text).filter((line) => /forced_retries|retry_delay/.test(line))
        expect(counts(exposition(own, others, 'prometheus'))).toEqual(
          counts(exposition(await familiesOf(alone.registry), [], 'prometheus')),
        )
      }),
      { numRuns: runs(100) },
    )
  })
})

describe('the format that is asked for', () => {
  it.each([
    [undefined, 'prometheus'],
    ['*/*', 'prometheus'],
    ['text/plain', 'prometheus'],
    ['application/openmetrics-text', 'openmetrics'],
    ['application/openmetrics-text; version=1.0.0; charset=utf-8', 'openmetrics'],
    // Prometheus 2 and 3.
    [
      'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
      'openmetrics',
    ],
    [
      'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1',
      'openmetrics',
    ],
    ['text/plain, application/openmetrics-text;q=0.5', 'prometheus'],
    ['application/openmetrics-text;q=0', 'prometheus'],
    ['application/openmetrics-text;q=nonsense', 'prometheus'],
    ['APPLICATION/OpenMetrics-Text', 'openmetrics'],
    ['', 'prometheus'],
    [',;,q=1', 'prometheus'],
  ])('%s: %s', (accept, format) => {
    expect(formatFor(accept)).toBe(format)
  })
})

describe('the strict reader', () => {
  it.each([
    ['without an end', '# TYPE a gauge\na 1\n'],
    ['a counter without _total', '# TYPE a counter\na 1\n# EOF\n'],
    ['a family twice', '# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\n# TYPE a gauge\n# EOF\n'],
    ['a series twice', '# TYPE a gauge\na 1\na 2\n# EOF\n'],
    ['a quote in help', '# HELP a "x"\n# TYPE a gauge\na 1\n# EOF\n'],
    [
      'buckets that shrink',
      '# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n# EOF\n',
    ],
  ])('refuses %s', (_name, text) => {
    expect(() => readOpenMetrics(text)).toThrow()
  })
})
