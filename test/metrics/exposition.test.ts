/**
 * The text of /metrics in both formats, of one process and of several, beside what prom-client
 * writes of the same.
 */
import fc from 'fast-check'
import { Counter, Gauge, Histogram, type Metric, Registry, AggregatorRegistry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { exposition, formatFor } from '../../src/metrics/exposition.ts'
import { metricsFromFacts } from '../../src/metrics/from-facts.ts'
import { initialise } from '../../src/metrics/initialise.ts'
import {
  type MetricDescription,
  metricDescriptions,
  metricPrefix,
} from '../../src/metrics/metrics.ts'
import { type Metrics, createMetrics } from '../../src/metrics/registry.ts'
import { Sums } from '../../src/metrics/summed.ts'
import { textOf } from '../../src/metrics/text-of.ts'
import { runs } from '../support/properties.ts'
import { readOpenMetrics } from './openmetrics.ts'
import { everyKind } from './sample-facts.ts'

function fed(worker?: string): Metrics {
  const metrics = createMetrics({}, { ...(worker !== undefined && { worker }) })
  const tell = metricsFromFacts(metrics)
  for (const fact of everyKind) tell(fact)
  return metrics
}

const textTogether = (all: readonly Metrics[], format: 'prometheus' | 'openmetrics'): string => {
  const sums = new Sums()
  for (const metrics of all) sums.hear(metrics, metrics.registry.newlyTold())
  return exposition(sums, [], format).toString()
}

/** Lines of samples, whatever the order of labels and lines. */
const samplesIn = (text: string): readonly string[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('rcptwise_'))
    .map((line) =>
      line.replace(/\{(.*)\}/, (_, labels: string) => `{${labels.split(',').sort().join(',')}}`),
    )
    .sort()

type Labels = Readonly<Record<string, string>>

/** One thing that is counted, in ours and in prom-client's alike. */
interface Counting {
  readonly name: keyof typeof metricDescriptions
  readonly values: readonly string[]
  readonly amount: number
}

const countings = fc.array(
  fc.record({
    name: fc.constantFrom(
      ...(Object.keys(metricDescriptions) as (keyof typeof metricDescriptions)[]),
    ),
    values: fc.array(fc.constantFrom('a', 'b', 'c "quoted" \\ and\nmore'), {
      minLength: 3,
      maxLength: 3,
    }),
    amount: fc.oneof(fc.nat(9000), fc.double({ min: 0, max: 1e6, noNaN: true })),
  }),
  { maxLength: 40 },
)

/** prom-client's own metrics, by the same descriptions. */
class Theirs {
  readonly registry = new Registry()
  readonly #made = new Map<string, Metric>()

  constructor() {
    for (const [key, described] of Object.entries<MetricDescription>(metricDescriptions)) {
      const { name, help, labels: labelNames, type, buckets = [], ofAll = 'sum' } = described
      const common = { name: metricPrefix + name, help, labelNames, registers: [this.registry] }
      this.#made.set(
        key,
        type === 'counter'
          ? new Counter(common)
          : type === 'gauge'
            ? new Gauge({ ...common, aggregator: ofAll })
            : new Histogram({ ...common, buckets: [...buckets] }),
      )
    }
    const durable = this.#made.get('ledgerDurable')
    if (durable instanceof Gauge) durable.set(1)
  }

  count({ name, amount }: Counting, labels: Labels): void {
    const metric = this.#made.get(name)
    if (metric instanceof Counter) metric.inc(labels, amount)
    else if (metric instanceof Gauge) metric.set(labels, amount)
    else if (metric instanceof Histogram) metric.observe(labels, amount)
  }

  async json(): ReturnType<Registry['getMetricsAsJSON']> {
    return await this.registry.getMetricsAsJSON()
  }
}

interface AnyMetric {
  inc?(labels: Labels, amount: number): void
  set?(labels: Labels, amount: number): void
  observe?(labels: Labels, amount: number): void
}

/** In both; what is read when somebody asks is left out, because nobody sets it. */
function countIn(ours: Metrics, theirs: Theirs, counting: Counting): void {
  const { name, values, amount } = counting
  const described: MetricDescription = metricDescriptions[name]
  const labels: Labels = Object.fromEntries(
    described.labels.map((label, i) => [label, values[i] ?? '']),
  )
  const metric = ours[name] as AnyMetric
  if (described.type === 'counter') metric.inc?.(labels, amount)
  else if (described.type === 'gauge') metric.set?.(labels, amount)
  else metric.observe?.(labels, amount)
  theirs.count(counting, labels)
}

describe('the text of one process', () => {
  it('has what prom-client writes', async () => {
    await fc.assert(
      fc.asyncProperty(countings, fc.nat(40), async (all, readAt) => {
        const [ours, theirs] = [createMetrics({}, { processMetrics: false }), new Theirs()]
        const sums = new Sums()
        const read = async (): Promise<void> => {
          sums.hear(ours, ours.registry.newlyTold())
          expect(samplesIn(exposition(sums, [], 'prometheus').toString())).toEqual(
            samplesIn(await theirs.registry.metrics()),
          )
        }
        for (const [i, one] of all.entries()) {
          if (i === readAt) await read()
          countIn(ours, theirs, one)
        }
        await read()
      }),
      { numRuns: runs(100) },
    )
  })

  it('metrics.md: “Who asks for OpenMetrics (`Accept: application/openmetrics-text`) gets version 1.0.0 of it.”', async () => {
    const metrics = fed()
    initialise(metrics, [{ name: 'we "quote" \\ and\nmore', strategy: 'auto' }])
    const text = await textOf(metrics, 'openmetrics')
    const families = readOpenMetrics(text)
    const retries = families.find(({ name }) => name === 'rcptwise_forced_retries')
    expect(retries).toMatchObject({ type: 'counter' })
    expect(retries?.samples.map(({ name }) => name)).toContain('rcptwise_forced_retries_total')
    expect(families.length).toBeGreaterThan(70)
  })
})

describe('the text of several processes', () => {
  it('has what prom-client makes of them', async () => {
    const spread = fc.array(fc.tuple(fc.nat(2), countings), { maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(spread, async (all) => {
        const ours = [0, 1, 2].map(() => createMetrics({}, { processMetrics: false }))
        const theirs = [0, 1, 2].map(() => new Theirs())
        for (const [process, countedThere] of all)
          for (const one of countedThere) {
            const [here, there] = [ours[process], theirs[process]]
            if (here !== undefined && there !== undefined) countIn(here, there, one)
          }
        const together = AggregatorRegistry.aggregate(
          await Promise.all(theirs.map(async (one) => await one.json())),
        )
        expect(samplesIn(textTogether(ours, 'prometheus'))).toEqual(
          samplesIn(await together.metrics()),
        )
        readOpenMetrics(textTogether(ours, 'openmetrics'))
      }),
      { numRuns: runs(50) },
    )
  })

  it('has a series once in which processes name their labels in another order', () => {
    const [one, other] = [createMetrics({}), createMetrics({})]
    one.transactionsTotal.inc({ peer: 'a', mode: 'plain', outcome: 'accepted' })
    other.transactionsTotal.inc({ outcome: 'accepted', mode: 'plain', peer: 'a' })
    const text = textTogether([one, other], 'openmetrics')
    readOpenMetrics(text)
    expect(text).toContain(
      'rcptwise_transactions_total{peer="a",mode="plain",outcome="accepted"} 2\n',
    )
  })

  it('has what Node.js tells of each, and leaves out what says nothing for several', async () => {
    const [one, other] = [fed('1'), fed('2')]
    const ofBoth = [await one.ofNode(), await other.ofNode()]
    const text = exposition(new Sums(), ofBoth, 'openmetrics').toString()
    readOpenMetrics(text)
    for (const worker of ['1', '2'])
      expect(text).toContain(`process_resident_memory_bytes{worker="${worker}"} `)
    expect(text).toContain('nodejs_version_info{')
    const alone = exposition(new Sums(), [await one.ofNode()], 'prometheus').toString()
    const names = (of: string): string[] =>
      [...of.matchAll(/^# TYPE (\S+) /gm)].map(([, name = '']) => name)
    expect(names(text).length).toBeLessThan(names(alone).length)
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
