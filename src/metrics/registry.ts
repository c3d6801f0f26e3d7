/**
 * The metrics of metrics.ts as prom-client objects, on a registry of their own: the global one
 * allows one app a process.
 */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type { Fact } from '../facts/fact.ts'
import type { OpenSplits } from '../ledger/ledger.ts'
import type { ConfigurableStrategy, StrategyName } from '../strategy/names.ts'
import { late } from './batched.ts'
import type { MetricJson } from './family.ts'
import {
  type MetricDescription,
  metricDescriptions,
  type MetricName,
  metricPrefix,
} from './metrics.ts'

/** By name, so that none can be forgotten here. */
const errorSteps: Readonly<Record<Extract<Fact, { kind: 'backendFailed' }>['step'], true>> = {
  resolve: true,
  connect: true,
  tls: true,
  relay: true,
  greeting: true,
  mail: true,
  rcpt: true,
  data: true,
  text: true,
}
const refusalSteps: Readonly<Record<Extract<Fact, { kind: 'backendRefusesUs' }>['step'], true>> = {
  auth: true,
  mail: true,
  rcpt: true,
  data: true,
  text: true,
}
/** At which a server can fail, or refuse us. */
export const backendSteps = {
  errors: Object.keys(errorSteps),
  refusals: Object.keys(refusalSteps),
} as const

/**
 * What is read when Prometheus asks, because nothing counts it: it is right at once after a
 * restart.
 */
export interface ScrapeSources {
  /**
   * The ledger's; a rejection, or no answer within two seconds, leaves the last known numbers.
   * Absent: another process tells them.
   */
  countOpen?(): Promise<readonly OpenSplits[]>
  /** The strategy of each peer class at this moment. */
  strategies?(): readonly { readonly peer: string; readonly strategy: ConfigurableStrategy }[]
  /** Deferred recipients whom nobody offers again, as counted last. */
  missing?(): readonly {
    readonly peer: string
    readonly strategy: StrategyName
    readonly recipients: number
  }[]
  /** Whether no split is begun any more. */
  draining?(): boolean
  /** Those who read live events. */
  eventReaders?(): number
  /** Open splits in which somebody has the message; asked while it drains. */
  heldSplits?(): Promise<number>
  /** Missing in the history at this moment. */
  unwritten?(): number
  learned?(): readonly { readonly strategy: string; readonly senders: number }[]
  /** Certificates in use; `notAfter` in ms since the epoch. */
  certificates?(): readonly { readonly name: string; readonly notAfter: number }[]
  /** Of these, those whose changed files are wrong. */
  certificatesKept?(): number
  spool?(): {
    readonly memoryBytes: number
    readonly diskBytes: number
    readonly memoryLimitBytes: number
    readonly diskLimitBytes: number
  }
  pool?(): readonly { readonly server: string; readonly busy: number; readonly idle: number }[]
  /** Every address of every backend server. */
  backends?(): readonly { readonly server: string; readonly usable: boolean }[]
}

/** Before anyone reads it, what waits is counted. */
class CountingRegistry extends Registry {
  readonly #waiting: (() => void)[] = []

  /**
   * Gives what can be told at any time, and is counted when there is much of it, or someone reads.
   */
  late<Told>(count: (told: Told) => void): (told: Told) => void {
    const waiting = late(count)
    this.#waiting.push(waiting.count)
    return waiting.tell
  }

  /** Of those metrics alone, as they are told to other processes; the rest is not read. */
  async only(names: readonly MetricName[]): Promise<readonly MetricJson[]> {
    this.#countAll()
    const read = names.map(async (name) => await this.getSingleMetric(metricPrefix + name)?.get())
    // The library's type says that `type` is a number; it is a word.
    return (await Promise.all(read)) as unknown as readonly MetricJson[]
  }

  override getMetricsAsArray(): ReturnType<Registry['getMetricsAsArray']> {
    this.#countAll()
    return super.getMetricsAsArray()
  }

  #countAll(): void {
    for (const count of this.#waiting) count()
  }
}

type Described<Label extends string> = MetricDescription & { readonly labels: readonly Label[] }

export type Metrics = ReturnType<typeof createMetrics>

const countOpenTimeLimitMs = 2000

/**
 * Makes every metric. `processMetrics: false` leaves out what Node.js tells about the process:
 * prom-client never stops its two observers for those, which only matters to tests that start many
 * apps in one process.
 */
export function createMetrics(
  sources: ScrapeSources,
  options: {
    readonly processMetrics?: boolean
    /** Which of several processes it is: the label `worker` of what Node.js tells of each. */
    readonly worker?: string
  } = {},
) {
  const registry = new CountingRegistry()
  const d = metricDescriptions
  const common = <Label extends string>({ name, help, labels }: Described<Label>) => ({
    name: metricPrefix + name,
    help,
    labelNames: labels,
    registers: [registry],
  })
  const counter = <Label extends string>(described: Described<Label>) =>
    new Counter<Label>(common(described))
  const gauge = <Label extends string>(
    described: Described<Label>,
    collect?: (self: Gauge<Label>) => unknown,
  ) =>
    new Gauge<Label>({
      ...common(described),
      aggregator: described.ofAll ?? 'sum',
      ...(collect !== undefined && {
        async collect() {
          await collect(this)
        },
      }),
    })
  const ejections = counter(d.backendEjectionsTotal)
  const full = counter(d.backendFullTotal)
  const errors = counter(d.backendErrorsTotal)
  const refusals = counter(d.backendSetupRefusalsTotal)
  const histogram = <Label extends string>(
    described: Described<Label> & { readonly buckets: readonly number[] },
  ) => new Histogram<Label>({ ...common(described), buckets: [...described.buckets] })

  const worker = options.worker === undefined ? {} : { labels: { worker: options.worker } }
  if (options.processMetrics !== false) collectDefaultMetrics({ register: registry, ...worker })
  const knownSplits = new Map<string, { readonly peer: string; readonly strategy: string }>()

  const ledgerDurable = gauge(d.ledgerDurable)
  ledgerDurable.set(1)

  return {
    registry,
    sessionsTotal: counter(d.sessionsTotal),
    sessionsOpen: gauge(d.sessionsOpen),
    sessionEndsTotal: counter(d.sessionEndsTotal),
    connectionsRefusedTotal: counter(d.connectionsRefusedTotal),
    limitHitsTotal: counter(d.limitHitsTotal),
    transactionsTotal: counter(d.transactionsTotal),
    messagesTotal: counter(d.messagesTotal),
    messagesBytesTotal: counter(d.messagesBytesTotal),
    recipientsTotal: counter(d.recipientsTotal),
    forcedRetriesTotal: counter(d.forcedRetriesTotal),
    draining: gauge(d.draining, (self) => {
      if (sources.draining !== undefined) self.set(sources.draining() ? 1 : 0)
    }),
    drainingSplits: gauge(d.drainingSplits, async (self) => {
      if (sources.heldSplits === undefined || sources.draining === undefined) return
      const held = sources.draining() ? await answerInTime(sources.heldSplits()) : 0
      if (held !== undefined) self.set(held)
    }),
    observing: gauge(d.observing),
    observedMessagesTotal: counter(d.observedMessagesTotal),
    observedRecipientsTotal: counter(d.observedRecipientsTotal),
    observedForcedRetriesTotal: counter(d.observedForcedRetriesTotal),
    returnsTotal: counter(d.returnsTotal),
    returnGuessesTotal: counter(d.returnGuessesTotal),
    retryDelaySeconds: histogram(d.retryDelaySeconds),
    splitDurationSeconds: histogram(d.splitDurationSeconds),
    /** Pairs that splits_open shows as 0 when the ledger has none. */
    knownSplits,
    splitsOpen: gauge(d.splitsOpen, async (self) => {
      if (sources.countOpen === undefined) return
      const open = await answerInTime(sources.countOpen())
      if (open === undefined) return
      self.reset()
      for (const pair of knownSplits.values()) self.set({ ...pair }, 0)
      for (const { peer, strategy, count } of open) self.set({ peer, strategy }, count)
    }),
    splitsOpenedTotal: counter(d.splitsOpenedTotal),
    splitsTotal: counter(d.splitsTotal),
    abandonedRecipientsTotal: counter(d.abandonedRecipientsTotal),
    missingRecipientsTotal: counter(d.missingRecipientsTotal),
    missingRecipients: gauge(d.missingRecipients, (self) => {
      self.reset()
      if (sources.missing === undefined) return
      for (const pair of knownSplits.values()) self.set({ ...pair }, 0)
      for (const { peer, strategy, recipients } of sources.missing())
        self.set({ peer, strategy }, recipients)
    }),
    shadowForcedRetriesTotal: counter(d.shadowForcedRetriesTotal),
    learnedSenders: gauge(d.learnedSenders, (self) => {
      self.reset()
      for (const { strategy, senders } of sources.learned?.() ?? []) self.set({ strategy }, senders)
    }),
    duplicatesSuppressedTotal: counter(d.duplicatesSuppressedTotal),
    strategyInForce: gauge(d.strategyInForce, (self) => {
      self.reset()
      for (const { peer, strategy } of sources.strategies?.() ?? []) self.set({ peer, strategy }, 1)
    }),
    backendConnectionsTotal: counter(d.backendConnectionsTotal),
    backendConnectSeconds: histogram(d.backendConnectSeconds),
    backendConnectionsOpen: gauge(d.backendConnectionsOpen, (self) => {
      self.reset()
      for (const { server, busy, idle } of sources.pool?.() ?? []) {
        self.set({ server, state: 'busy' }, busy)
        self.set({ server, state: 'idle' }, idle)
      }
    }),
    backendUp: gauge(d.backendUp, (self) => {
      self.reset()
      const all = sources.backends?.() ?? []
      for (const { server } of all) {
        self.set({ server }, 0)
        // a series from the start, or its first increase would not be seen
        ejections.inc({ server }, 0)
        full.inc({ server }, 0)
        for (const step of backendSteps.errors) errors.inc({ server, step }, 0)
        for (const step of backendSteps.refusals) refusals.inc({ server, step }, 0)
      }
      for (const { server } of all.filter(({ usable }) => usable)) self.set({ server }, 1)
    }),
    backendEjectionsTotal: ejections,
    backendFullTotal: full,
    backendErrorsTotal: errors,
    backendSetupRefusalsTotal: refusals,
    backendDeliverySeconds: histogram(d.backendDeliverySeconds),
    judgeSeconds: histogram(d.judgeSeconds),
    judgeServersDown: gauge(d.judgeServersDown),
    judgeLeftOutTotal: counter(d.judgeLeftOutTotal),
    foreignFieldsTotal: counter(d.foreignFieldsTotal),
    judgeResultsTotal: counter(d.judgeResultsTotal),
    bouncesTotal: counter(d.bouncesTotal),
    policySeconds: histogram(d.policySeconds),
    policyFailuresTotal: counter(d.policyFailuresTotal),
    policyRecipientsTotal: counter(d.policyRecipientsTotal),
    policyWrongTotal: counter(d.policyWrongTotal),
    policyEntries: gauge(d.policyEntries),
    policyReloadsTotal: counter(d.policyReloadsTotal),
    spoolBytes: gauge(d.spoolBytes, (self) => {
      const { memoryBytes, diskBytes } = sources.spool?.() ?? { memoryBytes: 0, diskBytes: 0 }
      self.set({ kind: 'memory' }, memoryBytes)
      self.set({ kind: 'disk' }, diskBytes)
    }),
    spoolLimitBytes: gauge(d.spoolLimitBytes, (self) => {
      self.reset()
      const spool = sources.spool?.()
      if (spool === undefined) return
      self.set({ kind: 'memory' }, spool.memoryLimitBytes)
      self.set({ kind: 'disk' }, spool.diskLimitBytes)
    }),
    ledgerDurable,
    ledgerTroubleTotal: counter(d.ledgerTroubleTotal),
    ledgerSeconds: histogram(d.ledgerSeconds),
    historyTransactionsTotal: counter(d.historyTransactionsTotal),
    historyRecipientsTotal: counter(d.historyRecipientsTotal),
    historyTroubleTotal: counter(d.historyTroubleTotal),
    historyUnwrittenTransactions: gauge(d.historyUnwrittenTransactions, (self) => {
      self.set(sources.unwritten?.() ?? 0)
    }),
    historyWriteSeconds: histogram(d.historyWriteSeconds),
    workersLostTotal: counter(d.workersLostTotal),
    workersHungTotal: counter(d.workersHungTotal),
    factsDroppedTotal: counter(d.factsDroppedTotal),
    eventReaders: gauge(d.eventReaders, (self) => {
      if (sources.eventReaders !== undefined) self.set(sources.eventReaders())
    }),
    configReloadsTotal: counter(d.configReloadsTotal),
    configKept: gauge(d.configKept),
    startedSeconds: gauge(d.startedSeconds),
    configLoadedSeconds: gauge(d.configLoadedSeconds),
    tlsHandshakesTotal: counter(d.tlsHandshakesTotal),
    tlsFailuresTotal: counter(d.tlsFailuresTotal),
    tlsCertificateReloadsTotal: counter(d.tlsCertificateReloadsTotal),
    tlsCertificatesKept: gauge(d.tlsCertificatesKept, (self) => {
      self.set(sources.certificatesKept?.() ?? 0)
    }),
    tlsCertificateExpirySeconds: gauge(d.tlsCertificateExpirySeconds, (self) => {
      self.reset()
      for (const { name, notAfter } of sources.certificates?.() ?? [])
        self.set({ name }, notAfter / 1000)
    }),
  }
}

/** A scrape must not hang on a store that does. */
async function answerInTime<Value>(answer: Promise<Value>): Promise<Value | undefined> {
  const { promise: tooLate, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(resolve, countOpenTimeLimitMs, undefined)
  try {
    return await Promise.race([answer, tooLate])
  } catch {
    return undefined
  } finally {
    clearTimeout(timer)
  }
}
