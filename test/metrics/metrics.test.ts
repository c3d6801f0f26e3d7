import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Fact } from '../../src/facts/fact.ts'
import { metricsFromFacts } from '../../src/metrics/from-facts.ts'
import { initialise } from '../../src/metrics/initialise.ts'
import {
  type MetricDescription,
  metricDescriptions,
  metricPrefix,
} from '../../src/metrics/metrics.ts'
import {
  type Metrics,
  type ScrapeSources,
  backendSteps,
  createMetrics,
} from '../../src/metrics/registry.ts'
import { textOf } from '../../src/metrics/text-of.ts'
import { metricsPage, renderMetricsPage } from '../../tools/metrics-docs.ts'
import { everyKind, recipient, transaction } from './sample-facts.ts'

const nothingOpen: ScrapeSources = { countOpen: async () => await Promise.resolve([]) }
const described: readonly MetricDescription[] = Object.values(metricDescriptions)

function told(facts: readonly Fact[]): Metrics {
  const metrics = createMetrics(nothingOpen, { processMetrics: false })
  const listen = metricsFromFacts(metrics)
  for (const fact of facts) listen(fact)
  return metrics
}

/** The samples of a scrape as `name{labels}` to value. */
async function scrape(metrics: Metrics): Promise<ReadonlyMap<string, number>> {
  const samples = new Map<string, number>()
  for (const line of (await textOf(metrics)).split('\n')) {
    const [, name, value] = /^([a-z_]+(?:\{.*\})?) (\S+)$/.exec(line) ?? []
    if (name !== undefined) samples.set(name.replace(metricPrefix, ''), Number(value))
  }
  return samples
}

describe('every metric', () => {
  it('is exported under its described name, and nothing else is', async () => {
    const metrics = createMetrics(nothingOpen, { processMetrics: false })
    expect(metrics.registry.metrics.map(({ name }) => name).sort()).toEqual(
      described.map(({ name }) => name).sort(),
    )
    const exported = (await textOf(metrics)).matchAll(/^# TYPE (\S+) /gm)
    expect(Array.from(exported, ([, name]) => name).sort()).toEqual(
      described.map(({ name }) => metricPrefix + name).sort(),
    )
  })

  it.each(described)('$name follows the conventions', ({ name, type, help, labels }) => {
    expect(name.endsWith('_total')).toBe(type === 'counter')
    expect(type !== 'histogram' || name.endsWith('_seconds')).toBe(true)
    expect(help).toMatch(/^\S.+\.$/s)
    expect(labels).not.toContain('address')
  })

  it('has the process metrics, with the event-loop lag, unless left out', async () => {
    const text = await textOf(createMetrics(nothingOpen))
    expect(text).toContain('nodejs_eventloop_lag_p99_seconds')
    expect(text).toContain('process_resident_memory_bytes')
  })

  it('stands in docs/metrics.md (stale? node tools/metrics-docs.ts)', () => {
    expect(readFileSync(metricsPage, 'utf8')).toBe(renderMetricsPage())
  })

  it('lives on a registry of its own: two apps in one process do not meet', async () => {
    const first = told([
      {
        kind: 'policyFailed',
        at: 1,
        transaction: 'x.1',
        recipient: 'a@example.org',
        source: 'sql',
        why: 'gone',
      },
    ])
    const second = told([])
    expect((await scrape(first)).get('policy_failures_total{source="sql"}')).toBe(1)
    expect((await scrape(second)).get('policy_failures_total{source="sql"}')).toBeUndefined()
  })
})

describe('metricsFromFacts; strategies.md: “You see it in rcptwise_shadow_forced_retries_total{peer,strategy}, next to rcptwise_forced_retries_total.”', () => {
  const rows: readonly (readonly [string, number])[] = [
    ['sessions_open{peer="default",tls="yes"}', 0],
    ['sessions_open{peer="default",tls="no"}', 1],
    ['sessions_total{peer="partners",tls="yes"}', 1],
    ['session_ends_total{why="quit"}', 1],
    ['connections_refused_total{limit="sessions_per_address"}', 1],
    ['tls_handshakes_total{protocol="TLSv1.3"}', 1],
    ['tls_failures_total{reason="cipher"}', 1],
    ['tls_certificate_reloads_total{result="loaded"}', 1],
    ['tls_certificate_reloads_total{result="kept"}', 1],
    ['transactions_total{peer="default",mode="split",outcome="accepted"}', 2],
    ['messages_total{peer="default",mode="split"}', 1],
    ['messages_bytes_total', 4000],
    ['recipients_total{peer="default",verdict="accept"}', 1],
    ['recipients_total{peer="default",verdict="tag"}', 1],
    ['recipients_total{peer="default",verdict="reject"}', 1],
    ['forced_retries_total{peer="default",strategy="group"}', 1],
    ['retry_delay_seconds_count{peer="default",strategy="group"}', 1],
    ['retry_delay_seconds_sum{peer="default",strategy="group"}', 61],
    ['retry_delay_seconds_bucket{le="60",peer="default",strategy="group"}', 0],
    ['retry_delay_seconds_bucket{le="120",peer="default",strategy="group"}', 1],
    ['split_duration_seconds_count{peer="default",strategy="group"}', 2],
    ['splits_opened_total{peer="default",strategy="group"}', 1],
    ['splits_total{peer="default",strategy="group",outcome="completed"}', 1],
    ['splits_total{peer="default",strategy="group",outcome="abandoned"}', 1],
    ['splits_total{peer="default",strategy="group",outcome="forgiven"}', 0],
    ['abandoned_recipients_total{peer="default",strategy="group"}', 2],
    ['forced_retries_total{peer="default",strategy="lenient"}', 0],
    ['missing_recipients_total{peer="default",strategy="group"}', 2],
    ['returns_total{peer="default",strategy="group",where="other_address"}', 1],
    ['returns_total{peer="default",strategy="group",where="same_address"}', 0],
    ['shadow_forced_retries_total{peer="partners",strategy="group"}', 3],
    ['observed_messages_total{peer="default",result="divided"}', 1],
    ['observed_messages_total{peer="default",result="not_observed"}', 1],
    ['observed_recipients_total{peer="default",verdict="reject"}', 1],
    ['observed_forced_retries_total{peer="default",strategy="group"}', 2],
    ['observed_forced_retries_total{peer="default",strategy="lenient"}', 0],
    ['duplicates_suppressed_total{peer="default"}', 1],
    ['backend_connections_total{server="smtp://10.0.0.5:25"}', 1],
    ['backend_connect_seconds_count{server="smtp://10.0.0.5:25"}', 1],
    ['backend_errors_total{server="smtp://10.0.0.5:25",step="greeting"}', 1],
    ['backend_setup_refusals_total{server="smtp://10.0.0.5:25",step="rcpt"}', 1],
    ['backend_delivery_seconds_count{server="smtp://10.0.0.5:25",reply="2xx"}', 1],
    ['backend_delivery_seconds_count{server="smtp://10.0.0.5:25",reply="4xx"}', 1],
    ['judge_seconds_count{judge="headers"}', 2],
    ['judge_results_total{judge="headers",result="failed"}', 1],
    ['judge_left_out_total{judge="rspamd"}', 1],
    ['policy_failures_total{source="sql"}', 1],
    ['policy_recipients_total{source="sql",answer="asked"}', 2],
    ['policy_recipients_total{source="sql",answer="kept"}', 3],
    ['policy_recipients_total{source="sql",answer="stale"}', 1],
    ['policy_wrong_total{source="sql"}', 1],
    ['policy_seconds_count{source="sql"}', 1],
    ['policy_seconds_bucket{le="0.01",source="sql"}', 0],
    ['policy_seconds_bucket{le="0.03",source="sql"}', 1],
    ['policy_entries', 8],
    ['policy_reloads_total{result="loaded"}', 3],
    ['policy_reloads_total{result="kept"}', 1],
    ['ledger_trouble_total', 1],
    ['ledger_durable', 1],
  ]
  it.each(rows)('%s is %d after one of every fact', async (name, value) => {
    expect((await scrape(told(everyKind))).get(name)).toBe(value)
  })

  it('known-limits.md: “and rcptwise_ledger_durable is 0.” Until it has recovered', async () => {
    expect(
      (await scrape(told([{ kind: 'ledgerTrouble', at: 1, why: 'disk full' }]))).get(
        'ledger_durable',
      ),
    ).toBe(0)
  })

  it('README.md: “Rcptwise counts and times every retry that it forces” Also what waits for its refusal (rule 2), and no trouble of the backend', async () => {
    const samples = await scrape(
      told([
        transaction({
          recipients: [
            recipient('a@example.org', {
              final: false,
              verdict: 'reject',
              reply: '451 4.5.3 later',
            }),
            recipient('b@example.org', {
              final: false,
              verdict: 'accept',
              reply: '451 4.3.0 disk full',
            }),
            recipient('c@example.org', {
              fate: 'postponed',
              final: false,
              reply: '450 4.2.1 greylisted',
            }),
          ],
        }),
      ]),
    )
    expect(samples.get('forced_retries_total{peer="default",strategy="group"}')).toBe(1)
  })

  it('counts no message of which all have had it: its sender came again before it heard so', async () => {
    const again = recipient('a@example.org', { duplicate: true })
    const samples = await scrape(told([transaction({}), transaction({ recipients: [again] })]))
    expect(samples.get('messages_total{peer="default",mode="plain"}')).toBe(1)
  })

  it('counts a recipient file that several processes read once, and has its entries in all', async () => {
    const metrics = createMetrics(nothingOpen, { processMetrics: false })
    const listen = metricsFromFacts(metrics, { readsForAll: false })
    for (const fact of everyKind) listen(fact)
    const samples = await scrape(metrics)
    expect(samples.get('policy_reloads_total{result="loaded"}') ?? 0).toBe(0)
    expect(samples.get('policy_entries')).toBe(8)
  })

  it('knows whether the configuration that it was given last is wrong', async () => {
    const [kept, loaded] = [
      { kind: 'configKept', at: 1, why: ['line 1'] },
      { kind: 'configLoaded', at: 2, needRestart: [] },
    ] as const
    expect((await scrape(told([kept]))).get('config_kept')).toBe(1)
    expect((await scrape(told([kept, loaded]))).get('config_kept')).toBe(0)
  })

  it('strategies.md: “rcptwise_return_guesses_total counts the guesses”', async () => {
    const samples = await scrape(
      told([transaction({ guess: 'right' }), transaction({ guess: 'wrong' }), transaction({})]),
    )
    for (const result of ['right', 'wrong'])
      expect(samples.get(`return_guesses_total{peer="default",result="${result}"}`)).toBe(1)
  })

  it('counts a return for the peer class and strategy of the first attempt', async () => {
    const returned = recipient('a@example.org', { returnedAfterMs: 5000 })
    const samples = await scrape(
      told([
        transaction({
          strategy: 'off',
          splitOf: { peer: 'partners', strategy: 'single' },
          recipients: [returned],
        }),
      ]),
    )
    expect(samples.get('retry_delay_seconds_count{peer="partners",strategy="single"}')).toBe(1)
    expect(samples.has('retry_delay_seconds_count{peer="default",strategy="off"}')).toBe(false)
  })

  it.each([
    ['no verdict, 250', { reply: '250 2.1.5 Ok' }, 'accept'],
    ['no verdict, 550', { reply: '550 5.1.1 no such user' }, 'reject'],
    ['no verdict, 450', { reply: '450 4.2.1 later' }, 'defer'],
  ])('counts a recipient with %s as %s', async (_name, change, verdict) => {
    const unjudged = {
      address: 'a@example.org',
      fate: 'refused',
      reason: { because: 'backend at RCPT' },
      final: true,
      ...change,
    } as const
    const samples = await scrape(told([transaction({ recipients: [unjudged] })]))
    expect(samples.get(`recipients_total{peer="default",verdict="${verdict}"}`)).toBe(1)
  })
})

describe('initialise', () => {
  it('exports what is known in advance as 0, and loses nothing when called again', async () => {
    const metrics = createMetrics(nothingOpen, { processMetrics: false })
    const peers = [
      { name: 'partners', strategy: 'single' },
      { name: 'default', strategy: 'group' },
    ] as const
    initialise(metrics, [...peers, { name: 'learning', strategy: 'auto' }], {
      judges: ['headers'],
      policySources: ['file:a'],
    })
    const before = await scrape(metrics)
    for (const name of [
      'forced_retries_total{peer="partners",strategy="single"}',
      'retry_delay_seconds_count{peer="default",strategy="group"}',
      'splits_total{peer="default",strategy="group",outcome="abandoned"}',
      'splits_open{peer="partners",strategy="single"}',
      'transactions_total{peer="default",mode="prdr",outcome="mixed"}',
      'recipients_total{peer="partners",verdict="quarantine"}',
      'duplicates_suppressed_total{peer="partners"}',
      ...['scored', 'forced', 'silent', 'failed'].map(
        (result) => `judge_results_total{judge="headers",result="${result}"}`,
      ),
      'judge_left_out_total{judge="headers"}',
      'missing_recipients_total{peer="default",strategy="group"}',
      'missing_recipients_total{peer="learning",strategy="late"}',
      'forced_retries_total{peer="learning",strategy="lenient"}',
    ])
      expect(before.get(name), name).toBe(0)
    const listen = metricsFromFacts(metrics)
    for (const fact of everyKind) listen(fact)
    initialise(metrics, peers)
    const after = await scrape(metrics)
    expect(after.get('retry_delay_seconds_count{peer="default",strategy="group"}')).toBe(1)
    expect(after.get('transactions_total{peer="default",mode="split",outcome="accepted"}')).toBe(2)
  })

  it('every step at which a server can fail or refuse us is 0 before it first does, or an increase would not see it', async () => {
    const server = 'smtp://127.0.0.1:25'
    const sources = { ...nothingOpen, backends: () => [{ server, usable: true }] }
    const metrics = createMetrics(sources, { processMetrics: false })
    await scrape(metrics)
    const values = await scrape(metrics)
    for (const step of backendSteps.errors)
      expect(values.get(`backend_errors_total{server="${server}",step="${step}"}`), step).toBe(0)
    for (const step of backendSteps.refusals)
      expect(
        values.get(`backend_setup_refusals_total{server="${server}",step="${step}"}`),
        step,
      ).toBe(0)
  })
})

describe('what is read at the scrape', () => {
  it('is what the sources say at that moment', async () => {
    let open: Awaited<ReturnType<NonNullable<ScrapeSources['countOpen']>>> = [
      { peer: 'default', strategy: 'group', count: 7 },
    ]
    const metrics = createMetrics(
      {
        countOpen: async () => await Promise.resolve(open),
        strategies: () => [{ peer: 'default', strategy: 'group' }],
        certificates: () => [{ name: 'mx1.example.org', notAfter: 1_800_000_000_000 }],
        missing: () => [{ peer: 'default', strategy: 'group', recipients: 4 }],
        learned: () => [{ strategy: 'lenient', senders: 2 }],
        pool: () => [{ server: 'smtp://10.0.0.5:25', busy: 2, idle: 1 }],
      },
      { processMetrics: false },
    )
    initialise(metrics, [{ name: 'default', strategy: 'group' }])
    const first = await scrape(metrics)
    expect(first.get('splits_open{peer="default",strategy="group"}')).toBe(7)
    expect(first.get('strategy_in_force{peer="default",strategy="group"}')).toBe(1)
    expect(first.get('recipients_missing{peer="default",strategy="group"}')).toBe(4)
    expect(first.get('learned_senders{strategy="lenient"}')).toBe(2)
    expect(first.get('tls_certificate_expiry_seconds{name="mx1.example.org"}')).toBe(1_800_000_000)
    expect(first.get('backend_connections_open{server="smtp://10.0.0.5:25",state="busy"}')).toBe(2)
    open = []
    expect((await scrape(metrics)).get('splits_open{peer="default",strategy="group"}')).toBe(0)
  })

  it('keeps the last numbers when the ledger can not say', async () => {
    let fail = false
    const metrics = createMetrics(
      {
        countOpen: async () =>
          fail
            ? await Promise.reject(new Error('gone'))
            : await Promise.resolve([{ peer: 'default', strategy: 'group', count: 3 }]),
      },
      { processMetrics: false },
    )
    await scrape(metrics)
    fail = true
    expect((await scrape(metrics)).get('splits_open{peer="default",strategy="group"}')).toBe(3)
  })
})
