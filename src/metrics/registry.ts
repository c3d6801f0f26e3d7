/** The metrics of metrics.ts, each with what counts in it or reads it. */
import type { Fact } from '../facts/fact.ts'
import type { OpenSplits } from '../ledger/ledger.ts'
import type { ConfigurableStrategy, StrategyName } from '../strategy/names.ts'
import { Counter, type Described, Gauge, Histogram } from './counting.ts'
import { CountingRegistry } from './counting-registry.ts'
import { metricDescriptions } from './metrics.ts'
import { type NodeMetrics, nodeMetrics } from './of-node.ts'

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
  const counter = <Label extends string>(described: Described<Label>): Counter<Label> =>
    registry.add(new Counter(described, registry.keeping))
  const gauge = <Label extends string>(
    described: Described<Label>,
    collect?: (self: Gauge<Label>) => unknown,
  ): Gauge<Label> => {
    const made = registry.add(new Gauge(described, registry.keeping))
    if (collect !== undefined) registry.beforeReading(described.name, () => collect(made))
    return made
  }
  const ejections = counter(d.backendEjectionsTotal)
  const full = counter(d.backendFullTotal)
  const errors = counter(d.backendErrorsTotal)
  const refusals = counter(d.backendSetupRefusalsTotal)
  const histogram = <Label extends string>(
    described: Described<Label> & { readonly buckets: readonly number[] },
  ): Histogram<Label> => registry.add(new Histogram(described, registry.keeping))
  const knownSplits = new Map<string, SplitsPair>()

  const ledgerDurable = gauge(d.ledgerDurable)
  ledgerDurable.set(1)

  return {
    registry,
    ofNode: options.processMetrics === false ? nothingOfNode : nodeMetrics(options.worker),
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
      self.setAll([
        ...none(knownSplits),
        ...open.map(({ count, ...pair }) => [pair, count] as const),
      ])
    }),
    splitsOpenedTotal: counter(d.splitsOpenedTotal),
    splitsTotal: counter(d.splitsTotal),
    abandonedRecipientsTotal: counter(d.abandonedRecipientsTotal),
    missingRecipientsTotal: counter(d.missingRecipientsTotal),
    missingRecipients: gauge(d.missingRecipients, (self) => {
      const missing = sources.missing?.()
      self.setAll([
        ...(missing === undefined ? [] : none(knownSplits)),
        ...(missing ?? []).map(({ recipients, ...pair }) => [pair, recipients] as const),
      ])
    }),
    shadowForcedRetriesTotal: counter(d.shadowForcedRetriesTotal),
    learnedSenders: gauge(d.learnedSenders, (self) => {
      const learned = sources.learned?.() ?? []
      self.setAll(learned.map(({ strategy, senders }) => [{ strategy }, senders]))
    }),
    duplicatesSuppressedTotal: counter(d.duplicatesSuppressedTotal),
    strategyInForce: gauge(d.strategyInForce, (self) => {
      self.setAll((sources.strategies?.() ?? []).map((pair) => [pair, 1]))
    }),
    backendConnectionsTotal: counter(d.backendConnectionsTotal),
    backendConnectSeconds: histogram(d.backendConnectSeconds),
    backendConnectionsOpen: gauge(d.backendConnectionsOpen, (self) => {
      self.setAll(
        (sources.pool?.() ?? []).flatMap(({ server, busy, idle }) => [
          [{ server, state: 'busy' }, busy] as const,
          [{ server, state: 'idle' }, idle] as const,
        ]),
      )
    }),
    backendUp: gauge(d.backendUp, (self) => {
      const all = sources.backends?.() ?? []
      for (const { server } of all) {
        // a series from the start, or its first increase would not be seen
        ejections.inc({ server }, 0)
        full.inc({ server }, 0)
        for (const step of backendSteps.errors) errors.inc({ server, step }, 0)
        for (const step of backendSteps.refusals) refusals.inc({ server, step }, 0)
      }
      const usable = all.filter((address) => address.usable)
      self.setAll([
        ...all.map(({ server }) => [{ server }, 0] as const),
        ...usable.map(({ server }) => [{ server }, 1] as const),
      ])
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
      const certificates = sources.certificates?.() ?? []
      self.setAll(certificates.map(({ name, notAfter }) => [{ name }, notAfter / 1000]))
    }),
  }
}

const nothingOfNode: NodeMetrics = async () => await Promise.resolve([])

interface SplitsPair {
  readonly peer: string
  readonly strategy: string
}

const none = (pairs: ReadonlyMap<string, SplitsPair>): readonly (readonly [SplitsPair, 0])[] =>
  Array.from(pairs.values(), (pair) => [pair, 0])

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
