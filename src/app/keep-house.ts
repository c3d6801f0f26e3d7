/**
 * Keeping house, once a site: the certificates, the rounds in which the ledger is swept and senders
 * are reviewed, the metrics of all, the admin API, and which configuration is in force. Whoever
 * takes the mail is told to it: this process, or workers.
 */
import type { Config, ListenAddress } from '../config/config.ts'
import type { EffectiveValue } from '../config/effective.ts'
import type { FactListener } from '../facts/fact.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Metrics, ScrapeSources } from '../metrics/registry.ts'
import type { Format } from '../metrics/exposition.ts'
import { sumOf, Sums } from '../metrics/summed.ts'
import type { MetricJson } from '../metrics/told.ts'
import type { InheritedSocket } from '../service/activation.ts'
import { asStarted, type Privileges } from '../service/user.ts'
import { isDraining } from '../peers/overrides.ts'
import { version } from '../version.ts'
import type { WatchedCertificates } from '../tls/watched-certificates.ts'
import type { AdminParts, RunningAdmin } from './admin.ts'
import { AuditLog } from './audit-log.ts'
import { CertificatesOfFiles } from './certificates.ts'
import { heldSplits } from './draining.ts'
import { factHub } from './fact-hub.ts'
import { type Foundation, openFoundation } from './foundation.ts'
import type { Lease } from './leases.ts'
import { needsRestart } from './needs-restart.ts'
import { type Reading, Readings } from './readings.ts'
import { judgingOf } from './session.ts'
import { startSweeping, type Sweeping } from './sweeping.ts'
import { openLive } from './live/live.ts'
import { ConfigurationInForce } from './configuration-in-force.ts'
import { Recent } from './recent.ts'
import { totalsOf } from './live/totals.ts'
import { type EventWatcher, hearSeldom, watchOften } from './live/watched-events.ts'
import { isSeldom } from './live/event-of-fact.ts'
import { LatestEvents } from './live/latest-events.ts'

const steadyClock = (): number => performance.now()

export interface AppOptions {
  /** Everything that happens, before anybody else has heard of it. */
  readonly onFact?: FactListener
  /** What went wrong at the edges, where no fact fits: in words, for the log. */
  readonly onTrouble?: (what: string) => void
  /** ms since the epoch. */
  readonly now?: () => number
  /** ms since any moment; a clock that nobody can set. */
  readonly steady?: () => number
  /** Default process metrics; off where several apps share a process. */
  readonly processMetrics?: boolean
  /**
   * Sockets that are already listening, for `config.listen`, in its order unless their names say
   * otherwise.
   */
  readonly sockets?: readonly InheritedSocket[]
  /** What may still be done as root; given up for good before this is over. */
  readonly privileges?: Privileges
  /**
   * Of the configuration in force key by key, for who asks: whoever has read it knows where each
   * value comes from.
   */
  readonly values?: () => readonly EffectiveValue[]
}

export interface App {
  /**
   * Where it listens, in the order of the configuration; ports as they are, also where 0 was asked
   * for.
   */
  readonly addresses: readonly ListenAddress[]
  readonly admin: { readonly address: string; readonly port: number } | undefined
  readonly ledger: Ledger
  readonly metrics: Metrics
  /** What happens around it, for its metrics and whoever else hears of facts. */
  readonly onFact: FactListener
  /** The text of /metrics, of all processes, in the format of Prometheus. */
  scrape(): Promise<string>
  ready(): { readonly ready: boolean; readonly reasons: readonly string[] }
  /**
   * Serves new sessions with another configuration; those that are open end with theirs. Gives the
   * keys whose change needs a restart. Rejects, and goes on as before, when something of it can't
   * be used.
   */
  reload(config: Config): Promise<readonly string[]>
  /**
   * Lets sessions finish within `timeouts.shutdown`, then ends everything, in the reverse order of
   * its start.
   */
  close(): Promise<void>
  /**
   * Ends other processes that belong to it, at once: for a program that does not wait any longer.
   */
  kill(): void
}

/** What the house has for those who take the mail. */
export interface House {
  readonly foundation: Foundation
  /** What all processes have counted. */
  readonly sums: Sums
  readonly privileges: Privileges
  readonly onTrouble: (what: string) => void
  /** Hears of what happens in other processes. */
  readonly onEvent: EventWatcher
  readonly certificates: CertificatesOfFiles
}

/** Those who take the mail: this process, or its workers. */
export interface MailTakers {
  readonly addresses: readonly ListenAddress[]
  /** What keeps mail from being taken, in words. */
  reasons(): readonly string[]
  /** Rejects, and goes on as before, when something of it can't be used. */
  reload(config: Config): Promise<void>
  /**
   * What was set in the ledger is in force when this resolves, but for what it names in words.
   */
  refresh(): Promise<readonly string[]>
  /**
   * Has the other processes tell what they have counted, which they also do every few seconds, and
   * gives what Node.js tells of each.
   */
  metrics(): Promise<readonly (readonly MetricJson[])[]>
  /** Whether other processes tell of what comes as often as mail does, too. */
  watchOften(on: boolean): void
  /** Sessions may finish within `timeouts.shutdown`. */
  close(): Promise<void>
  /** Ends other processes at once. */
  kill(): void
}

/**
 * Starts everything; rejects with what could not be started and why, and leaves nothing behind
 * then. `begin` starts those who take the mail, and gives up root for good.
 */
export async function keepHouse(
  config: Config,
  options: AppOptions & { readonly worker?: string },
  begin: (house: House) => Promise<MailTakers>,
): Promise<App> {
  await using opened = new AsyncDisposableStack()
  const {
    now = Date.now,
    steady = steadyClock,
    onTrouble = (): void => undefined,
    privileges = asStarted,
  } = options
  const facts = factHub()
  if (options.onFact !== undefined) facts.add(options.onFact)
  const foundation = opened.use(await openFoundation(config, { ...options, facts, now }))
  const { metrics, ledger } = foundation
  const onFact = facts.tell
  foundation.initialiseMetrics(config)

  const ofFiles = new CertificatesOfFiles({ onFact, now, privileges })
  let inForce: InForce = { config, certificates: await ofFiles.lease(config) }
  opened.defer(async () => await inForce.certificates?.release())

  const sums = new Sums()
  const readings = opened.use(new Readings(metrics, sums))
  await readings.ready
  const about = { instance: config.hostname, version, startedAt: now() }
  const latest = new LatestEvents()
  const onEvent: EventWatcher = (event) => {
    latest.add(event)
    events.tell(event)
  }
  const events = openLive({
    keptBytes: config.admin?.eventsKeptBytes ?? 0,
    ...about,
    isSeldom,
    watchOften: () => {
      const end = watchOften(facts, onEvent)
      mail.watchOften(true)
      return () => {
        end()
        mail.watchOften(false)
      }
    },
    totals: () => totalsOf(readings.counted()),
    now,
  })
  hearSeldom(facts, onEvent)
  const mail = await begin({
    foundation,
    sums,
    privileges,
    onTrouble,
    onEvent,
    certificates: ofFiles,
  })
  opened.defer(async () => await mail.close())

  const sweeping = startSweeping({ ledger, config: () => inForce.config, onFact, now, steady })
  opened.defer(() => sweeping.stop())
  foundation.readAtScrape(metricsOfHouse(foundation, sweeping, () => inForce))
  const scrape = async (format: Format): Promise<Reading> =>
    await readings.text(await mail.metrics(), format)
  let closing = false
  const ready = (): ReturnType<App['ready']> => {
    const reasons = [...(closing ? ['shutting down'] : []), ...mail.reasons()]
    return { ready: reasons.length === 0, reasons }
  }
  opened.defer(() => events.close())
  foundation.readAtScrape({ eventReaders: () => events.readers })
  const audit = config.admin && new AuditLog(config.dataDirectory, onTrouble)
  if (audit !== undefined) facts.add(audit.hear)
  const recent = new Recent({ read: async (names) => await readings.read(names), now })
  opened.defer(() => recent.close())
  const inUse = new ConfigurationInForce({
    ...{ file: () => inForce.config.file, startedAt: about.startedAt },
    values: options.values ?? ((): readonly EffectiveValue[] => []),
  })
  facts.add(inUse.hear)
  const admin = await openAdmin(config, {
    hosts: () => inForce.config.admin?.hosts ?? [],
    events,
    audit: (limit) => audit?.latest(limit) ?? [],
    happened: (limit) => latest.latest(limit),
    about: () => about,
    recent: async () => await recent.view(),
    configuration: () => inUse.view(),
    peers: () => inForce.config.peers,
    missingAfterMs: () => inForce.config.ledger.missingAfterMs,
    judging: () => judgingOf(inForce.config),
    ledger,
    history: foundation.history,
    unwritten: async () => {
      await mail.metrics()
      const name = 'history_unwritten_transactions'
      return sumOf(await readings.read([name]), name)
    },
    metrics,
    scrape,
    tellProcesses: async () => await mail.refresh(),
    onFact,
    now,
    ready,
    onTrouble,
  })
  if (admin !== undefined) opened.defer(async () => await admin.close())

  async function reload(wanted: Config): Promise<readonly string[]> {
    const { config: next, keys } = needsRestart(inForce.config, wanted)
    const useTokens = await admin?.prepare(next)
    const certificates = await ofFiles.lease(next)
    try {
      await mail.reload(next)
    } catch (error) {
      await certificates?.release()
      throw error
    }
    const before = inForce
    inForce = { config: next, certificates }
    useTokens?.()
    foundation.initialiseMetrics(next)
    await before.certificates?.release()
    return keys
  }

  const owned = opened.move()
  return {
    get addresses() {
      return mail.addresses
    },
    admin: admin === undefined ? undefined : { address: admin.address, port: admin.port },
    ledger,
    metrics,
    onFact,
    scrape: async () => {
      const reading = await scrape('prometheus')
      const text = reading.octets.toString()
      reading.done()
      return text
    },
    ready,
    reload,
    async close() {
      closing = true
      // The admin API tells of it until the last session has ended.
      await mail.close()
      await owned.disposeAsync()
    },
    kill: () => mail.kill(),
  }
}

/**
 * It is loaded when mail is taken already, and only where it is wanted: Node's HTTP comes with it.
 */
async function openAdmin(config: Config, parts: AdminParts): Promise<RunningAdmin | undefined> {
  if (config.admin === undefined) return undefined
  return await (await import('./admin.ts')).openAdmin(config, parts)
}

interface InForce {
  readonly config: Config
  /** Undefined where no listener speaks TLS. */
  readonly certificates: Lease<WatchedCertificates> | undefined
}

const metricsOfHouse = (
  { ledger, strategies, now }: Foundation,
  sweeping: Sweeping,
  inForce: () => InForce,
): ScrapeSources => ({
  countOpen: async () => await ledger.countOpen(),
  strategies: () => strategies(inForce().config),
  draining: () => isDraining(ledger.overrides()),
  heldSplits: async () => (await heldSplits(ledger, now())).held.length,
  missing: () => sweeping.missing(),
  learned: () => sweeping.learned(),
  certificatesKept: () => inForce().certificates?.part.kept ?? 0,
  certificates: () =>
    (inForce().certificates?.part.all ?? []).map(({ name, expiresAt }) => ({
      name,
      notAfter: expiresAt,
    })),
})
