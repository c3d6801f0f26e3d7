/**
 * What was counted lately, minute by minute, and how things stand now: for who opens the console,
 * and wants to see the last hours at once. From what workers tell of their metrics anyhow.
 */
import type { MinuteView, RecentView } from '../admin/context.ts'
import { type MetricJson, metricsOf, sumOf } from '../metrics/summed.ts'
import { type MetricName, metricPrefix } from '../metrics/metrics.ts'
import type { Metrics } from '../metrics/registry.ts'
import { countedMetrics, totalsOf } from './live/totals.ts'

/** A day, in some 300 kB. */
const mostMinutes = 24 * 60
const minuteMs = 60_000
/** Several consoles get one answer. */
const freshMs = 1000

export interface RecentParts {
  readonly metrics: Metrics
  /** Of the other processes, as they have told it last. */
  readonly others: () => readonly (readonly MetricJson[])[]
  readonly now: () => number
}

/** What was counted since the start, in all processes. */
interface Counted {
  readonly at: number
  readonly messages: number
  readonly outcomes: Readonly<Record<string, number>>
  readonly forcedRetries: number
  /** By class and strategy; cumulative over the buckets, as Prometheus has them. */
  readonly delays: ReadonlyMap<string, ReadonlyMap<number, number>>
}

export class Recent {
  readonly #parts: RecentParts
  readonly #minutes: MinuteView[] = []
  readonly #timer: NodeJS.Timeout
  #last: Counted | undefined
  #answer: { readonly at: number; readonly value: Promise<RecentView> } | undefined

  constructor(parts: RecentParts) {
    this.#parts = parts
    this.#timer = setInterval(() => void this.#note(), minuteMs).unref()
    void this.#note()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  async view(): Promise<RecentView> {
    const at = this.#parts.now()
    if (this.#answer === undefined || at - this.#answer.at >= freshMs || at < this.#answer.at)
      this.#answer = { at, value: this.#look() }
    return await this.#answer.value
  }

  async #note(): Promise<void> {
    const counted = countedOf(await this.#all(), this.#parts.now())
    if (this.#last !== undefined) {
      this.#minutes.push(between(this.#last, counted))
      if (this.#minutes.length > mostMinutes) this.#minutes.shift()
    }
    this.#last = counted
  }

  /** The last minute is the one that goes on. */
  async #look(): Promise<RecentView> {
    const all = await this.#all()
    const counted = countedOf(all, this.#parts.now())
    const going = this.#last === undefined ? [] : [between(this.#last, counted)]
    return { minutes: [...this.#minutes, ...going], ...standing(all) }
  }

  /** Of all processes together; what is not told here is not read, since it can be much. */
  async #all(): Promise<readonly MetricJson[]> {
    const here = await this.#parts.metrics.registry.only(told)
    const elsewhere = this.#parts
      .others()
      .map((all) => all.filter(({ name }) => namesTold.has(name)))
    return await metricsOf(sumOf([here, ...elsewhere]))
  }
}

const told = [
  ...countedMetrics,
  'retry_delay_seconds',
  'splits_open',
  'recipients_missing',
  'sessions_open',
  'ledger_durable',
  'backend_up',
  'backend_connections_open',
  'judge_servers_down',
  'judge_results_total',
] as const satisfies readonly MetricName[]

const namesTold: ReadonlySet<string> = new Set(told.map((name) => metricPrefix + name))

function countedOf(all: readonly MetricJson[], at: number): Counted {
  const { messages, transactions, forcedRetries } = totalsOf([all])
  const delays = new Map<string, Map<number, number>>()
  for (const { labels, value, metricName } of valuesOf(all, 'retry_delay_seconds')) {
    if (metricName?.endsWith('_bucket') !== true) continue
    const name = `${labels['peer']}\n${labels['strategy']}`
    const buckets = delays.get(name) ?? new Map<number, number>()
    delays.set(name, buckets)
    buckets.set(labels['le'] === '+Inf' ? Infinity : Number(labels['le']), value)
  }
  return { at, messages, outcomes: transactions, forcedRetries, delays }
}

const valuesOf = (all: readonly MetricJson[], name: MetricName): MetricJson['values'] =>
  all.find((metric) => metric.name === metricPrefix + name)?.values ?? []

/** Of what is cumulative: what has come in between. A process that has ended takes nothing away. */
function between(from: Counted, to: Counted): MinuteView {
  const outcomes = Object.entries(to.outcomes).map(
    ([name, value]) => [name, Math.max(0, value - (from.outcomes[name] ?? 0))] as const,
  )
  const delays = [...to.delays].flatMap(([name, buckets]): MinuteView['delays'][number][] => {
    const before = from.delays.get(name)
    const bounds = [...buckets.keys()].sort((a, b) => a - b)
    const reached = bounds.map((bound) => (buckets.get(bound) ?? 0) - (before?.get(bound) ?? 0))
    const counts = reached.map((value, i) => Math.max(0, value - (reached[i - 1] ?? 0)))
    if (counts.every((count) => count === 0)) return []
    const [peer = '', strategy = ''] = name.split('\n')
    return [{ peer, strategy, counts }]
  })
  return {
    at: from.at,
    messages: Math.max(0, to.messages - from.messages),
    outcomes: Object.fromEntries(outcomes.filter(([, value]) => value > 0)),
    forcedRetries: Math.max(0, to.forcedRetries - from.forcedRetries),
    delays,
  }
}

function standing(all: readonly MetricJson[]): Omit<RecentView, 'minutes'> {
  const sum = (name: MetricName): number =>
    valuesOf(all, name).reduce((total, { value }) => total + value, 0)
  const bounds = new Set(
    valuesOf(all, 'retry_delay_seconds').flatMap(({ labels }) =>
      labels['le'] === undefined || labels['le'] === '+Inf' ? [] : [Number(labels['le'])],
    ),
  )
  const byLabel = (name: MetricName, label: string) =>
    valuesOf(all, name).map(({ labels, value }) => ({ name: String(labels[label]), value }))
  return {
    delayBounds: [...bounds].sort((a, b) => a - b),
    open: sum('splits_open'),
    missing: sum('recipients_missing'),
    sessions: sum('sessions_open'),
    ledgerDurable: valuesOf(all, 'ledger_durable').every(({ value }) => value === 1),
    servers: byLabel('backend_up', 'server').map(({ name, value }) => ({
      name,
      up: value === 1,
      connections: valuesOf(all, 'backend_connections_open')
        .filter(({ labels }) => labels['server'] === name)
        .reduce((total, each) => total + each.value, 0),
    })),
    judges: judgesIn(all),
  }
}

function judgesIn(all: readonly MetricJson[]): RecentView['judges'] {
  const down = new Map(
    valuesOf(all, 'judge_servers_down').map(
      ({ labels, value }) => [String(labels['judge']), value] as const,
    ),
  )
  const results = Map.groupBy(valuesOf(all, 'judge_results_total'), ({ labels }) =>
    String(labels['judge']),
  )
  return [...new Set([...down.keys(), ...results.keys()])].map((name) => {
    const all = results.get(name) ?? []
    const total = all.reduce((sum, { value }) => sum + value, 0)
    const failed = all
      .filter(({ labels }) => labels['result'] === 'failed')
      .reduce((sum, { value }) => sum + value, 0)
    return { name, serversDown: down.get(name) ?? 0, asked: total, failed }
  })
}
