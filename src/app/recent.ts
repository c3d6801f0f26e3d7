/**
 * What was counted lately, minute by minute, and how things stand now: for who opens the console,
 * and wants to see the last hours at once. From what workers tell of their metrics anyhow.
 */
import type { MinuteView, RecentView } from '../admin/context.ts'
import { metricDescriptions, type MetricName } from '../metrics/metrics.ts'
import { sumOf, type Sums } from '../metrics/summed.ts'
import { totalsOf } from './live/totals.ts'

/** A day, in some 300 kB. */
const mostMinutes = 24 * 60
const minuteMs = 60_000
/** Several consoles get one answer. */
const freshMs = 1000

export interface RecentParts {
  /**
   * What all processes have counted; of the others as they have told it last. What nothing counts
   * is read of these metrics alone.
   */
  readonly read: (names: readonly MetricName[]) => Promise<Sums>
  readonly now: () => number
}

/** What was counted since the start, in all processes. */
interface Counted {
  readonly at: number
  readonly messages: number
  readonly outcomes: Readonly<Record<string, number>>
  readonly forcedRetries: number
  /** By class and strategy: how many fell into each bucket; the last one has no bound. */
  readonly delays: ReadonlyMap<string, Delays>
}

interface Delays {
  readonly peer: string
  readonly strategy: string
  readonly counts: readonly number[]
}

const delayBounds = metricDescriptions.retryDelaySeconds.buckets

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
    const counted = countedIn(await this.#parts.read(told), this.#parts.now())
    if (this.#last !== undefined) {
      this.#minutes.push(between(this.#last, counted))
      if (this.#minutes.length > mostMinutes) this.#minutes.shift()
    }
    this.#last = counted
  }

  /** The last minute is the one that goes on. */
  async #look(): Promise<RecentView> {
    const sums = await this.#parts.read(told)
    const counted = countedIn(sums, this.#parts.now())
    const going = this.#last === undefined ? [] : [between(this.#last, counted)]
    return { minutes: [...this.#minutes, ...going], ...standing(sums) }
  }
}

/** What is told, and is as it is when it is read. */
const told = [
  'splits_open',
  'recipients_missing',
  'backend_up',
  'backend_connections_open',
] as const satisfies readonly MetricName[]

function countedIn(sums: Sums, at: number): Counted {
  const { messages, transactions, forcedRetries } = totalsOf(sums)
  const delays = new Map<string, Delays>()
  for (const { text, labels, amounts } of sums.of('retry_delay_seconds')) {
    const all = amounts[delayBounds.length + 1] ?? 0
    // What never had one costs nothing at each minute.
    if (all === 0) continue
    const [peer = '', strategy = ''] = labels
    const bounded = amounts.slice(0, delayBounds.length)
    const beyond = all - bounded.reduce((sum, count) => sum + count, 0)
    delays.set(text, { peer, strategy, counts: [...bounded, beyond] })
  }
  return { at, messages, outcomes: transactions, forcedRetries, delays }
}

/** Of what is cumulative: what has come in between. A process that has ended takes nothing away. */
function between(from: Counted, to: Counted): MinuteView {
  const outcomes = Object.entries(to.outcomes).map(
    ([name, value]) => [name, Math.max(0, value - (from.outcomes[name] ?? 0))] as const,
  )
  const delays = [...to.delays].flatMap(([name, { counts: all, ...pair }]) => {
    const before = from.delays.get(name)?.counts
    const counts = all.map((count, i) => Math.max(0, count - (before?.[i] ?? 0)))
    return counts.every((count) => count === 0) ? [] : [{ ...pair, counts }]
  })
  return {
    at: from.at,
    messages: Math.max(0, to.messages - from.messages),
    outcomes: Object.fromEntries(outcomes.filter(([, value]) => value > 0)),
    forcedRetries: Math.max(0, to.forcedRetries - from.forcedRetries),
    delays,
  }
}

function standing(sums: Sums): Omit<RecentView, 'minutes'> {
  const up = amountsBy(sums, 'backend_up')
  const connections = amountsBy(sums, 'backend_connections_open')
  return {
    delayBounds,
    open: sumOf(sums, 'splits_open'),
    missing: sumOf(sums, 'recipients_missing'),
    sessions: sumOf(sums, 'sessions_open'),
    ledgerDurable: sumOf(sums, 'ledger_durable') === 1,
    servers: Array.from(up, ([name, value]) => ({
      name,
      up: value === 1,
      connections: connections.get(name) ?? 0,
    })),
    judges: judgesIn(sums),
  }
}

function judgesIn(sums: Sums): RecentView['judges'] {
  const down = amountsBy(sums, 'judge_servers_down')
  const asked = amountsBy(sums, 'judge_results_total')
  const failed = amountsBy(sums, 'judge_results_total', ([, result]) => result === 'failed')
  return [...new Set([...down.keys(), ...asked.keys()])].map((name) => ({
    name,
    serversDown: down.get(name) ?? 0,
    asked: asked.get(name) ?? 0,
    failed: failed.get(name) ?? 0,
  }))
}

/** Added up by the values of its first label. */
function amountsBy(
  sums: Sums,
  name: MetricName,
  counts: (labels: readonly string[]) => boolean = () => true,
): ReadonlyMap<string, number> {
  const all = new Map<string, number>()
  for (const { labels, value } of sums.of(name)) {
    if (!counts(labels)) continue
    const label = labels[0] ?? ''
    all.set(label, (all.get(label) ?? 0) + value)
  }
  return all
}
