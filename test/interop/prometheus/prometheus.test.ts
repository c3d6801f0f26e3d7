/**
 * Debian's Prometheus scrapes the real admin server, whose metrics are fed with real facts.
 *
 *     facts ─▶ metricsFromFacts ─▶ registry ─▶ admin server ◀─ /metrics ─ prometheus ◀─ every query of the dashboard
 *
 * Expect: promtool finds nothing wrong with metrics, rules and their tests; each panel's query
 * gives data. Without Debian the tests are skipped, loudly; RCPTWISE_REQUIRE_INTEROP=1 makes that a
 * failure.
 */
import { readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Admin, startAdmin } from '../../../src/admin/server.ts'
import { contentTypes, type Format, formatFor } from '../../../src/metrics/exposition.ts'
import { metricsFromFacts } from '../../../src/metrics/from-facts.ts'
import { initialise } from '../../../src/metrics/initialise.ts'
import { createMetrics } from '../../../src/metrics/registry.ts'
import { textOf } from '../../../src/metrics/text-of.ts'
import { sampleContext } from '../../admin/sample-context.ts'
import { alertsFile, queriesOf, readDashboards } from '../../metrics/dashboard.ts'
import { everyKind } from '../../metrics/sample-facts.ts'
import { until } from '../../support/lab/until.ts'
import { findPrometheus } from './debian-prometheus.ts'
import { type RunningPrometheus, runPrometheus } from './running-prometheus.ts'

const found = await findPrometheus()
if (!found.ok) {
  if (process.env['RCPTWISE_REQUIRE_INTEROP'] === '1')
    throw new Error(`Prometheus is required: ${found.why}`)
  console.error(
    `\n*** SKIPPED: no Prometheus, so metrics, alerts and dashboard are not tried with it: ${found.why} ***\n`,
  )
}
const programs = found.ok ? found : { prometheus: '', promtool: '' }

const metrics = createMetrics({
  countOpen: async () => await Promise.resolve([{ peer: 'default', strategy: 'group', count: 2 }]),
  strategies: () => [{ peer: 'default', strategy: 'group' }],
  certificates: () => [{ name: 'mx1.example.org', notAfter: Date.now() + 90 * 86_400_000 }],
  missing: () => [{ peer: 'default', strategy: 'group', recipients: 2 }],
  learned: () => [{ strategy: 'lenient', senders: 1 }],
  spool: () => ({ memoryBytes: 1, diskBytes: 0, memoryLimitBytes: 10, diskLimitBytes: 100 }),
  pool: () => [{ server: 'smtp://10.0.0.5:25', busy: 1, idle: 2 }],
  backends: () => [{ server: 'smtp://10.0.0.5:25', usable: true }],
})

/** Those that Prometheus has asked for. */
const formats = new Set<Format>()

function promtool(
  args: readonly string[],
  input = '',
): { readonly code: number | null; readonly said: string } {
  const { status, stdout, stderr } = spawnSync(programs.promtool, args, {
    input,
    encoding: 'utf8',
    timeout: 60_000,
  })
  return { code: status, said: stdout + stderr }
}

describe.skipIf(!found.ok)('Prometheus', () => {
  let admin: Admin
  let prometheus: RunningPrometheus
  let feeding: NodeJS.Timeout
  let target: string

  beforeAll(async () => {
    const context = {
      ...sampleContext(),
      async metrics(accept: string | undefined) {
        const format = formatFor(accept)
        formats.add(format)
        const octets = Buffer.from(await textOf(metrics, format))
        return { contentType: contentTypes[format], octets }
      },
    }
    initialise(metrics, [{ name: 'default', strategy: 'group' }])
    const listen = metricsFromFacts(metrics)
    const feed = (): void => {
      for (const fact of everyKind) listen(fact)
      metrics.ledgerSeconds.observe({ op: 'save' }, 0.0004)
    }
    feed()
    feeding = setInterval(feed, 200)
    admin = await startAdmin({ host: '127.0.0.1', port: 0, context })
    target = `127.0.0.1:${admin.port}`
    prometheus = await runPrometheus({
      program: programs.prometheus,
      target,
      rules: fileURLToPath(alertsFile),
    })
    // A rate needs several samples.
    await until(
      'five scrapes',
      async () => ((await prometheus.query('count_over_time(up[1m])'))[0]?.value ?? 0) >= 5,
    )
  })
  afterAll(async () => {
    clearInterval(feeding)
    await prometheus.close()
    await admin.close()
  })

  it('asks for OpenMetrics, and understands it', async () => {
    expect([...formats]).toEqual(['openmetrics'])
    const { activeTargets } = (await prometheus.get('/api/v1/targets')) as {
      activeTargets: { health: string; lastError: string }[]
    }
    expect(activeTargets).toMatchObject([{ health: 'up', lastError: '' }])
  })

  it('takes every scrape, and takes counters for counters', async () => {
    expect(await prometheus.query('min_over_time(up[1m])')).toMatchObject([
      { metric: { job: 'rcptwise' }, value: 1 },
    ])
    const types = (await prometheus.get(
      '/api/v1/metadata?metric=rcptwise_forced_retries',
    )) as Record<string, unknown>
    expect(types).toMatchObject({ rcptwise_forced_retries: [{ type: 'counter' }] })
  })

  it('gives the numbers that the facts say', async () => {
    const ratio = await prometheus.query(
      'rcptwise_retry_delay_seconds_count / on (peer, strategy) rcptwise_forced_retries_total{strategy="group"}',
    )
    expect(ratio.map(({ value }) => value)).toEqual([1])
    const delay = await prometheus.query(
      'rcptwise_retry_delay_seconds_sum / rcptwise_retry_delay_seconds_count',
    )
    expect(delay.find(({ metric }) => metric['strategy'] === 'group')?.value).toBe(61)
  })

  it.each(queriesOf(readDashboards()))(
    'panel "$title" has data: $expression',
    async ({ expression }) => {
      // A rate has no value before its series was scraped twice.
      await until(`a number for ${expression}`, async () =>
        (await prometheus.query(expression)).some(({ value }) => Number.isFinite(value)),
      )
    },
  )

  it.each([
    ['job', 'rcptwise_ledger_durable', 'rcptwise'],
    ['instance', 'rcptwise_ledger_durable', undefined],
    ['peer', 'rcptwise_strategy_in_force', 'default'],
    ['strategy', 'rcptwise_forced_retries_total', 'group'],
  ])('the variable %s has values', async (name, series, value) => {
    const values = (await prometheus.get(
      `/api/v1/label/${name}/values?match[]=${series}`,
    )) as string[]
    expect(values).toContain(value ?? target)
  })

  it('evaluates every alert without an error', async () => {
    const rules = async (): Promise<{ name: string; health: string; lastError?: string }[]> => {
      const { groups } = (await prometheus.get('/api/v1/rules')) as {
        groups: { rules: { name: string; health: string; lastError?: string }[] }[]
      }
      return groups.flatMap((group) => group.rules)
    }
    await until('each was evaluated', async () =>
      (await rules()).every(({ health }) => health !== 'unknown'),
    )
    expect((await rules()).length).toBeGreaterThanOrEqual(4)
    expect((await rules()).filter(({ health }) => health !== 'ok')).toEqual([])
  })
})

describe.skipIf(!found.ok)('promtool', () => {
  it('check metrics: nothing to say about ours, and all is valid', async () => {
    const text = await textOf(metrics)
    const { said } = promtool(['check', 'metrics'], text)
    // Some of the names that prom-client gives to Node's own metrics are against the conventions;
    // ours are not.
    expect(said.split('\n').filter((line) => line !== '' && !line.startsWith('nodejs_'))).toEqual(
      [],
    )
  })

  it('check metrics does find what is wrong', () => {
    const { code, said } = promtool(
      ['check', 'metrics'],
      '# HELP rcptwise_x x\n# TYPE rcptwise_x counter\nrcptwise_x 1\n',
    )
    expect(code).not.toBe(0)
    expect(said).toContain('_total')
  })

  it('check rules and check config', () => {
    const rules = promtool(['check', 'rules', fileURLToPath(alertsFile)])
    const written = readFileSync(alertsFile, 'utf8').match(/^ *- (?:alert|record):/gm)?.length ?? 0
    expect(rules.said).toContain(`SUCCESS: ${written} rules found`)
    expect(rules.code).toBe(0)
    const config = promtool([
      'check',
      'config',
      fileURLToPath(new URL('../../../grafana/prometheus.yaml', import.meta.url)),
    ])
    expect(config.said).toMatch(/prometheus\.yaml is valid/)
    expect(config.code).toBe(0)
  })

  it('test rules: each alert fires when it should', async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'rcptwise-promtool-'))
    try {
      const cases = await readFile(new URL('alerts.promtest.yaml', import.meta.url), 'utf8')
      const file = path.join(directory, 'cases.yaml')
      await writeFile(file, cases.replace('RULES', fileURLToPath(alertsFile)))
      const { code, said } = promtool(['test', 'rules', file])
      expect(said).toContain('SUCCESS')
      expect(code).toBe(0)
    } finally {
      await rm(directory, { recursive: true })
    }
  })
})
