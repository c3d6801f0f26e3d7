/**
 * A real Prometheus scrapes the whole product while real mail goes through it, with real judges and
 * sources, and every query of the dashboards and every rule has data.
 *
 *     a PRDR client and a legacy client that retries ─▶ Rcptwise ─▶ a scripted backend
 *                                                      │  │   ◀─ /metrics ─ prometheus ◀─ queries and rules
 *                                 rspamd, spamd ◀──────┘  └──▶ SQLite, Redis, slapd
 *     the same legacy client ─▶ Rcptwise with `mode: observe` ─▶ another one
 */
import { connect as connectTls } from 'node:tls'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fileURLToPath } from 'node:url'
import { contentTypes } from '../../../src/metrics/exposition.ts'
import { sendByPrdr, sendByRetrying } from '../../../src/demo/client.ts'
import {
  alertsFile,
  asSent,
  queriesOf,
  readDashboards,
  readRules,
} from '../../metrics/dashboard.ts'
import { readOpenMetrics } from '../../metrics/openmetrics.ts'
import { parsePromql, within } from '../../metrics/promql/tree.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { startTestApp, type TestApp } from '../../support/app.ts'
import { Client } from '../../support/dialogue.ts'
import { type FakeBackend, startFakeBackend } from '../../support/fake-backend.ts'
import { until } from '../../support/lab/until.ts'
import { findPrometheus } from './debian-prometheus.ts'
import { type RunningPrometheus, runPrometheus } from './running-prometheus.ts'
import { Surroundings } from './situations/surroundings.ts'

const found = await findPrometheus()
const recipients = ['tag@example.org', 'careful@example.org', 'strict@example.org'] as const
const config = (port: number): string => `
backend: { servers: ["smtp://127.0.0.1:${port}"] }
relay_domains: [example.org]
limits: { sessions_per_address: 8 }
peers: [{ name: default, strategy: late, shadow: group }]
`
const policies =
  '"tag@example.org": tag-only\n"careful@example.org": careful\n"strict@example.org": strict\n'
const message = (n: number): { from: string; text: string[] } => ({
  from: 's@example.net',
  text: [`Subject: ${n}`, `Message-ID: <${n}@example.net>`, 'X-Spam-Score: 9.5', '', 'x'],
})

/** STARTTLS that succeeds, and one that does not. */
async function secure(port: number): Promise<void> {
  for (const good of [true, false]) {
    const client = await Client.connect(port)
    await client.reply()
    await client.ask('EHLO client.test')
    await client.ask('STARTTLS')
    if (!good) client.socket.write('this is no handshake')
    else {
      const socket = connectTls({ socket: client.socket, rejectUnauthorized: false })
      await new Promise((resolve) => socket.once('secureConnect', resolve))
      socket.end('QUIT\r\n')
    }
    await pause(50)
    client.close()
  }
}

/** More connections than one address may have. */
async function crowd(port: number): Promise<void> {
  const clients = await Promise.all(
    Array.from({ length: 10 }, async () => await Client.connect(port)),
  )
  await Promise.all(clients.map(async (client) => await client.reply()))
  for (const client of clients) client.close()
  await pause(100)
}

/** A front-end that passes everything on and only looks. */
class Looking implements AsyncDisposable {
  readonly #app: TestApp
  readonly #backend: FakeBackend

  private constructor(app: TestApp, backend: FakeBackend) {
    this.#app = app
    this.#backend = backend
  }

  static async start(): Promise<Looking> {
    const backend = await startFakeBackend()
    const observing = `${config(backend.port)}mode: observe\n`
    return new Looking(await startTestApp({ config: observing, recipients: policies }), backend)
  }

  get admin(): string {
    return `127.0.0.1:${this.#app.app.admin?.port ?? 0}`
  }

  async mail(isOver: () => boolean): Promise<void> {
    for (let n = 100_000; !isOver(); n++) {
      const [say, wait] = [(): void => undefined, async () => await pause(50)]
      await sendByRetrying(this.#app.port, message(n), recipients, { say, wait })
      await pause(300)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#app[Symbol.asyncDispose]()
    await this.#backend[Symbol.asyncDispose]()
  }
}

/** Judges and sources need Debian, and without Debian there is no Prometheus either. */
const obstacle = found.ok ? interopObstacle() : found.why

/**
 * What has no data in this run, and why. A query that has none and is not here is asked for in vain
 * on every site.
 */
const withoutData: readonly { readonly title: string; readonly why: string }[] = []

describe.skipIf(obstacle !== undefined)('the dashboards over a real run', () => {
  let surroundings: Surroundings
  let app: TestApp
  let backend: FakeBackend
  let looking: Looking
  let prometheus: RunningPrometheus
  let over = false
  let sending: Promise<unknown>

  beforeAll(async () => {
    backend = await startFakeBackend({
      rules: [2, 20, 40].map((nth) => ({ on: 'dot', nth, silent: true, then: 'reset' })),
    })
    surroundings = await Surroundings.start()
    app = await startTestApp({
      config: `${config(backend.port)}${surroundings.judgesAndSources}`,
      recipients: policies,
      processMetrics: true,
    })
    const said = (): void => undefined
    const mail = async (): Promise<void> => {
      for (let n = 1; !over; n += 2) {
        await sendByPrdr(app.port, message(n), recipients, said)
        await sendByRetrying(app.port, message(n + 1), recipients, {
          say: said,
          wait: async () => await pause(50),
        })
        if (n < 10) {
          await secure(app.port)
          await crowd(app.port)
        }
        await pause(100)
      }
    }
    looking = await Looking.start()
    sending = Promise.all([mail(), looking.mail(() => over)])
    const target = `127.0.0.1:${app.app.admin?.port ?? 0}`
    const program = found.ok ? found.prometheus : ''
    prometheus = await runPrometheus({
      program,
      target,
      others: [looking.admin],
      rules: fileURLToPath(alertsFile),
    })
    await until(
      'five scrapes',
      async () => ((await prometheus.query('count_over_time(up[1m])'))[0]?.value ?? 0) >= 5,
    )
  })
  afterAll(async () => {
    over = true
    await sending
    await prometheus.close()
    await looking[Symbol.asyncDispose]()
    await app[Symbol.asyncDispose]()
    await backend[Symbol.asyncDispose]()
    await surroundings[Symbol.asyncDispose]()
  })

  it.each(readRules())('$alert$record: what it asks for is there', async ({ record, expr }) => {
    const tree = parsePromql(expr)
    if (typeof tree === 'string') throw new Error(tree)
    const selectors = [...within(tree)].filter(({ type }) => type === 'VectorSelector')
    // An alert that does not fire has no data; what it is made of has.
    const asked =
      record === undefined ? selectors.map(({ text }) => text.replace(/\{.*\}/, '')) : [record]
    for (const expression of asked)
      await until(
        `data for ${expression}`,
        async () => (await prometheus.query(expression)).length > 0,
      )
  })

  it('all judges and all sources have answered', async () => {
    const values = async (label: string, of: string): Promise<readonly unknown[]> =>
      (await prometheus.query(`count by (${label}) (${of} > 0)`)).map(({ metric }) => metric[label])
    await until('three judges', async () => {
      const judges = await values('judge', 'rcptwise_judge_results_total{result="scored"}')
      return ['headers', 'rspamd', 'spamd'].every((judge) => judges.includes(judge))
    })
    await until('four sources', async () => {
      const sources = (await values('source', 'rcptwise_policy_seconds_count')).map(String)
      return ['sqlite:', 'redis:', 'ldap:', 'file:'].every((kind) =>
        sources.some((source) => source.startsWith(kind)),
      )
    })
    expect(await prometheus.query('sum(rcptwise_policy_failures_total) > 0')).toEqual([])
  })

  it('answers in OpenMetrics for who asks for it', async () => {
    const answer = await fetch(`http://127.0.0.1:${app.app.admin?.port ?? 0}/metrics`, {
      headers: { accept: 'application/openmetrics-text; version=1.0.0' },
    })
    expect(answer.headers.get('content-type')).toBe(contentTypes.openmetrics)
    expect(readOpenMetrics(await answer.text()).length).toBeGreaterThan(70)
  })

  it('counts messages apart from transactions', async () => {
    const value = async (expression: string): Promise<number> =>
      (await prometheus.query(expression))[0]?.value ?? 0
    // The legacy client comes twice for each of its messages.
    expect(
      await value('sum(rcptwise_transactions_total) - sum(rcptwise_messages_total)'),
    ).toBeGreaterThan(1)
  })

  const expected = queriesOf(readDashboards()).filter(
    ({ title }) => !withoutData.some((one) => one.title === title),
  )
  it.each(expected)('panel "$title" has data: $expression', async ({ expression }) => {
    // Not everything that it shows has happened yet.
    await until(
      `data for ${expression}`,
      async () => (await prometheus.query(expression)).length > 0,
    )
  })

  it('counts what the clients went through', async () => {
    const value = async (expression: string): Promise<number> =>
      (await prometheus.query(expression))[0]?.value ?? 0
    const completed = await value('sum(rcptwise_splits_total{outcome="completed"})')
    expect(completed).toBeGreaterThan(0)
    // Each message of the legacy client: two are deferred, then one of them again, with its refusal
    // kept.
    const retries = await value('sum(rcptwise_forced_retries_total)')
    expect(retries / completed).toBeGreaterThanOrEqual(2)
    expect(await value('sum(rcptwise_retry_delay_seconds_count)')).toBeGreaterThan(0)
    expect(
      await value('sum(rcptwise_transactions_total{mode="prdr",outcome="mixed"})'),
    ).toBeGreaterThan(0)
    expect(await value('sum(rcptwise_splits_total{outcome="forgiven"})')).toBe(0)
  })

  it('marks a switched strategy, and nothing before it', async () => {
    const all = readDashboards()[0]?.annotations.list ?? []
    const expression = all.find(({ name }) => name === 'Strategy changed')?.expr ?? ''
    // What Grafana asks once a minute is asked each second here.
    const marks = async (): Promise<readonly unknown[]> =>
      (await prometheus.query(asSent(expression).replaceAll('offset 1m', 'offset 3s'))).map(
        ({ metric }) => metric,
      )
    expect(await marks()).toEqual([])
    const url = `http://127.0.0.1:${app.app.admin?.port ?? 0}/api/v1/peers/default/strategy`
    const answer = await fetch(url, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ strategy: 'lenient' }),
    })
    expect(answer.status).toBe(200)
    await until('a mark', async () => (await marks()).length > 0)
    expect(await marks()).toEqual([{ job: 'rcptwise', peer: 'default', strategy: 'lenient' }])
  })
})
