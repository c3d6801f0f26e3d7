/**
 * Puts the real parts together: the one place that knows all of them. Tests start this, and so does
 * `serve`.
 */
import { openAdmin } from './app/admin.ts'
import { certificateSettings, certificatesOfFiles } from './app/certificates.ts'
import { factHub } from './app/fact-hub.ts'
import { senderAllowance } from './app/bounces.ts'
import { DnsQuestions } from './app/dns-questions.ts'
import { type Generation, openGeneration, type SharedParts } from './app/generation.ts'
import { ledgerForSessions, openLedger } from './app/ledger.ts'
import { limitsOf, spoolBudgetOf } from './app/limits.ts'
import { leasedParts } from './app/leased-parts.ts'
import { Listeners } from './app/listeners.ts'
import { needsRestart } from './app/needs-restart.ts'
import { randomIds } from './app/random-ids.ts'
import { judgingOf } from './app/session.ts'
import { startSweeping } from './app/sweeping.ts'
import { timedLedger } from './app/timed-ledger.ts'
import type { WorkerParts } from './app/workers/parts.ts'
import type { Config } from './config/config.ts'
import type { FactListener } from './facts.ts'
import { learnFromFacts } from './peers/learning.ts'
import { VerifiedNames } from './peers/verified-names.ts'
import type { Ledger } from './ledger/ledger.ts'
import { ClientLimits } from './listen/client-limits.ts'
import { Listener } from './listen/listener.ts'
import { alone } from './listen/shared-limits.ts'
import { SpoolBudget } from './listen/spool-budget.ts'
import { initialise } from './metrics/initialise.ts'
import { metricsFromFacts } from './metrics/from-facts.ts'
import { createMetrics, type Metrics } from './metrics/registry.ts'
import { assignSockets, type InheritedSocket } from './service/activation.ts'
import { asStarted, type Privileges } from './service/user.ts'

export interface AppOptions {
  /** Everything that happens, after the metrics have heard of it. */
  readonly onFact?: FactListener
  /** What went wrong at the edges, where no fact fits: in words, for the log. */
  readonly onTrouble?: (what: string) => void
  /** ms since the epoch. */
  readonly now?: () => number
  /** Default process metrics; off where several apps share a process. */
  readonly processMetrics?: boolean
  /**
   * Sockets that are already listening, for `config.listen`, in its order unless their names say
   * otherwise.
   */
  readonly sockets?: readonly InheritedSocket[]
  /** What may still be done as root; given up for good before this is over. */
  readonly privileges?: Privileges
  /** Present in a worker process: what its primary does for it (app/workers/primary.ts). */
  readonly worker?: WorkerParts
}

export interface App {
  /**
   * Where it listens, in the order of the configuration; ports as they are, also where 0 was asked
   * for.
   */
  readonly addresses: readonly { readonly host: string; readonly port: number }[]
  readonly admin: { readonly address: string; readonly port: number } | undefined
  readonly ledger: Ledger
  readonly metrics: Metrics
  /** What happens around it, for its metrics and whoever else hears of facts. */
  readonly onFact: FactListener
  /** The text of /metrics, of all processes. */
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

/**
 * Starts everything; rejects with what could not be started and why, and leaves nothing behind
 * then.
 */
export async function startApp(config: Config, options: AppOptions = {}): Promise<App> {
  await using parts = new AsyncDisposableStack()
  const {
    now = Date.now,
    onTrouble = (): void => undefined,
    privileges = asStarted,
    worker,
  } = options
  const facts = factHub()
  if (options.onFact !== undefined) facts.add(options.onFact)
  const onFact = facts.tell

  const descriptors = assignSockets(options.sockets ?? [], config.listen.length)
  const metrics = createMetrics(
    {
      // What all workers know alike is told by their primary.
      ...(worker === undefined && {
        countOpen: async () => await store.countOpen(),
        strategies: () => strategiesOf(current),
        missing: () => sweeping?.missing() ?? [],
        learned: () => sweeping?.learned() ?? [],
        certificates: () =>
          (current.certificates?.all ?? []).map(({ name, expiresAt }) => ({
            name,
            notAfter: expiresAt,
          })),
      }),
      pool: () => current.backend.connections(),
      backends: () => current.backend.servers(),
      spool: () => budget,
    },
    {
      processMetrics: options.processMetrics ?? true,
      ...(worker !== undefined && { worker: worker.name }),
    },
  )
  facts.add(metricsFromFacts(metrics))
  // The metrics hear of it when it can't be opened.
  const store = await openLedger(config, onFact, now)
  parts.defer(async () => await store.close())
  facts.add(learnFromFacts({ senders: store.senders, onFact }))
  const ledger = timedLedger(store, metrics)

  const ofFiles = certificatesOfFiles({ onFact, now, privileges })
  const certificates: SharedParts['certificates'] =
    worker?.certificates ??
    (async (for_): ReturnType<SharedParts['certificates']> => {
      const settings = certificateSettings(for_)
      return settings && (await ofFiles.lease(settings))
    })
  const shared = worker?.shared ?? alone
  const budget = new SpoolBudget(spoolBudgetOf(config, onFact, now), shared.counts)
  const allowance = senderAllowance(config, now, shared.rates)
  const questions = new DnsQuestions(config, now, shared.rates)
  const standing: SharedParts = {
    ledger: ledgerForSessions(ledger, onFact),
    budget,
    allowance,
    questions,
    ...leasedParts({ onFact, now, neighbours: shared.counts }),
    certificates,
    names: new VerifiedNames({ now }),
    onFact,
    now,
    newId: randomIds(),
  }
  let current: Generation = await openGeneration(config, standing)
  const generations = new Set([current])
  parts.defer(async () => {
    await Promise.all([...generations].map(async (generation) => await generation.close()))
  })
  initialise(metrics, strategiesOf(current), current.config.judge.kind)
  metrics.configLoadedSeconds.set(now() / 1000)

  const sweeping =
    worker === undefined
      ? startSweeping({ ledger, config: () => current.config, onFact, now })
      : undefined
  parts.defer(() => sweeping?.stop())
  const scrape = async (): Promise<string> => await metrics.registry.metrics()
  const peers = (): Config['peers'] => current.config.peers
  const missingAfterMs = (): number => current.config.ledger.missingAfterMs
  const tellProcesses = async (): Promise<readonly string[]> => await Promise.resolve([])
  const judging = (): 'backend' | 'score' => judgingOf(current.config)
  const adminParts = {
    peers,
    missingAfterMs,
    judging,
    ledger,
    metrics,
    scrape,
    tellProcesses,
    onFact,
    now,
    ready,
    onTrouble,
  }
  const admin = worker === undefined ? await openAdmin(config, adminParts) : undefined
  if (admin !== undefined) parts.defer(async () => await admin.close())

  const limits = new ClientLimits(limitsOf(config, current.directory, now), shared)
  const listeners: Listeners = new Listeners({
    serving: (generation, entry) => generation.serving(entry, limits),
    socketOf: (key, index) => {
      if (worker !== undefined)
        return { handle: worker.socketFor(key), afterAccept: worker.afterAccept }
      const descriptor = listeners.all.length === 0 ? descriptors[index] : undefined
      return descriptor === undefined ? {} : { descriptor }
    },
    open: async (listening) => await privileges.asRoot(async () => await Listener.open(listening)),
  })
  parts.defer(async () => await listeners.close(current.config.timeouts.shutdownMs))
  await listeners.use(current)
  privileges.dropForGood()

  let closing = false
  function ready(): { readonly ready: boolean; readonly reasons: readonly string[] } {
    const reasons: string[] = []
    if (closing) reasons.push('shutting down')
    if (listeners.all.length < current.config.listen.length)
      reasons.push('not all addresses are listened on yet')
    const trouble = current.trouble()
    if (trouble !== undefined) reasons.push(`backend: ${trouble}`)
    return { ready: reasons.length === 0, reasons }
  }

  async function reload(wanted: Config): Promise<readonly string[]> {
    const { config: next, keys } = needsRestart(current.config, wanted)
    const generation = await openGeneration(next, standing)
    generations.add(generation)
    try {
      await listeners.use(generation)
    } catch (error) {
      generations.delete(generation)
      await generation.close()
      throw error
    }
    const before = current
    current = generation
    limits.use(limitsOf(next, generation.directory, now))
    budget.use(spoolBudgetOf(next, onFact, now))
    allowance.use(next.limits.bouncesPerHour)
    questions.use(next)
    initialise(metrics, strategiesOf(generation), generation.config.judge.kind)
    before.retire(() => generations.delete(before))
    return keys
  }

  const owned = parts.move()
  return {
    get addresses(): App['addresses'] {
      return listeners.all.map(({ host, port }) => ({ host, port }))
    },
    admin: admin === undefined ? undefined : { address: admin.address, port: admin.port },
    ledger,
    metrics,
    onFact,
    scrape,
    ready,
    reload,
    async close() {
      closing = true
      await owned.disposeAsync()
    },
    kill: () => undefined,
  }
}

const strategiesOf = ({ config, directory }: Generation) =>
  config.peers.map((peer) => ({
    peer: peer.name,
    name: peer.name,
    strategy: directory.strategyOf(peer),
  }))
