/** Puts the real parts together: the one place that knows all of them. Tests start this, and so does `serve`. */
import { type Admin, startAdmin } from './admin/server.ts'
import { type BearerToken, openTokenFile } from './admin/token.ts'
import { adminContext, type AdminParts } from './app/admin.ts'
import { openBackend, watchBackend } from './app/backend.ts'
import { openRelay } from './backend/relay-guard.ts'
import { openLedger } from './app/ledger.ts'
import { clientLimits, spoolBudget } from './app/limits.ts'
import { openConfiguredCertificates } from './app/certificates.ts'
import { randomIds } from './app/random-ids.ts'
import { connectionOptions, tlsServer } from './app/session.ts'
import { timedLedger } from './app/timed-ledger.ts'
import type { Config } from './config/config.ts'
import type { Fact, FactListener } from './facts.ts'
import { backendJudge } from './judge/backend.ts'
import { headersJudge } from './judge/headers.ts'
import type { Judge } from './judge/judge.ts'
import type { Ledger } from './ledger/ledger.ts'
import { sweep } from './ledger/sweep.ts'
import { Listener } from './listen/listener.ts'
import { inRanges, PeerDirectory, verifiedName } from './listen/peer-directory.ts'
import { initialise } from './metrics/initialise.ts'
import { metricsFromFacts } from './metrics/from-facts.ts'
import { createMetrics, type Metrics } from './metrics/registry.ts'
import { chainPolicySources } from './policy/chain.ts'
import { openPolicyFile } from './policy/file-source.ts'
import type { PolicySource } from './policy/policy-source.ts'
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
  /** Sockets that are already listening, for `config.listen`, in its order unless their names say otherwise. */
  readonly sockets?: readonly InheritedSocket[]
  /** What may still be done as root; given up for good before this is over. */
  readonly privileges?: Privileges
}

export interface App {
  /** Where it listens, in the order of the configuration; ports as they are, also where 0 was asked for. */
  readonly addresses: readonly { readonly host: string; readonly port: number }[]
  readonly admin: { readonly address: string; readonly port: number } | undefined
  readonly ledger: Ledger
  readonly metrics: Metrics
  ready(): { readonly ready: boolean; readonly reasons: readonly string[] }
  /** Lets sessions finish within `timeouts.shutdown`, then ends everything, in the reverse order of its start. */
  close(): Promise<void>
}

const sweepEveryMs = 60_000

/** Starts everything; rejects with what could not be started and why, and leaves nothing behind then. */
export async function startApp(config: Config, options: AppOptions = {}): Promise<App> {
  await using parts = new AsyncDisposableStack()
  const now = options.now ?? Date.now
  const facts = new Set<FactListener>()
  const onFact = (fact: Fact): void => {
    for (const listener of facts) listener(fact)
  }
  if (options.onFact !== undefined) facts.add(options.onFact)

  const privileges = options.privileges ?? asStarted
  const descriptors = assignSockets(options.sockets ?? [], config.listen.length)
  const backend = openBackend(config, onFact, now)
  parts.defer(async () => await backend.close())
  const store = await openLedger(config, onFact, now)
  parts.defer(async () => await store.close())
  const budget = spoolBudget(config, onFact, now)
  const metrics = createMetrics(
    {
      countOpen: async () => await store.countOpen(),
      strategies: () => config.peers.map((peer) => ({ peer: peer.name, strategy: directory.strategyOf(peer) })),
      certificates: () => (certificates?.all ?? []).map(({ name, expiresAt }) => ({ name, notAfter: expiresAt })),
      pool: () => backend.connections(),
      backends: () => backend.servers(),
      spool: () => budget,
    },
    { processMetrics: options.processMetrics ?? true },
  )
  facts.add(metricsFromFacts(metrics))
  const certificates = await openConfiguredCertificates(config, { onFact, now, privileges })
  parts.defer(async () => await certificates?.close())
  const ledger = timedLedger(store, (op, seconds) => metrics.ledgerSeconds.observe({ op }, seconds))
  const directory = new PeerDirectory({
    classes: config.peers,
    trusted: config.trusted,
    overrides: () => ledger.overrides(),
    now,
  })
  initialise(
    metrics,
    config.peers.map((peer) => ({ name: peer.name, strategy: directory.strategyOf(peer) })),
  )
  const policies = await openPolicies(config, onFact, now)
  parts.defer(async () => await policies.close())
  const judge: Judge = config.judge.kind === 'backend' ? backendJudge : headersJudge

  const health = watchBackend(backend)
  parts.defer(() => health.stop())
  await health.first
  if (health.trouble() === openRelay) throw new Error(`${config.backend.servers[0].url}: ${openRelay}`)

  const sweeping = setInterval(() => {
    void sweep({ ledger, ...config.ledger, onFact, now }).catch(() => undefined)
  }, sweepEveryMs)
  parts.defer(() => clearInterval(sweeping))

  const admin = await openAdmin(config, {
    ledger,
    metrics,
    onFact,
    now,
    ready,
    onTrouble: options.onTrouble ?? (() => undefined),
  })
  if (admin !== undefined) parts.defer(async () => await admin.close())

  const listeners: Listener[] = []
  const limits = clientLimits(config, directory, now)
  const sessionParts = {
    config,
    backend,
    policies,
    ledger,
    judge,
    certificates,
    budget,
    directory,
    onFact,
    now,
    newId: randomIds(),
  }
  parts.defer(async () => {
    await Promise.all(listeners.map(async (listener) => await listener.close(config.timeouts.shutdownMs)))
  })
  for (const [i, { host, port, tls, proxyProtocolFrom }] of config.listen.entries()) {
    const { greetDelayMs } = config
    // A backend that is told the client would have looked up its name itself.
    const lookUp = directory.needsRdns || config.backend.clientAddress === 'xclient' ? verifiedName : undefined
    const connection = connectionOptions(sessionParts, tls)
    const implicitTls = tls === 'implicit' && certificates !== undefined ? tlsServer(config, certificates) : undefined
    const descriptor = descriptors[i]
    const given = descriptor === undefined ? {} : { descriptor }
    const listener = {
      host,
      port,
      ...given,
      limits,
      greetDelayMs,
      lookUp,
      proxied:
        proxyProtocolFrom.length === 0
          ? undefined
          : { from: inRanges(proxyProtocolFrom), limitMs: config.timeouts.proxyHeaderMs },
      implicitTls,
      connection,
      onFact,
      now,
    }
    listeners.push(await privileges.asRoot(async () => await Listener.open(listener)))
  }
  privileges.dropForGood()

  let closing = false
  function ready(): { readonly ready: boolean; readonly reasons: readonly string[] } {
    const reasons: string[] = []
    if (closing) reasons.push('shutting down')
    if (listeners.length < config.listen.length) reasons.push('not all addresses are listened on yet')
    const trouble = health.trouble()
    if (trouble !== undefined) reasons.push(`backend: ${trouble}`)
    return { ready: reasons.length === 0, reasons }
  }

  const owned = parts.move()
  return {
    addresses: listeners.map((listener, i) => ({
      host: (descriptors[i] === undefined ? config.listen[i]?.host : listener.address) ?? '',
      port: listener.port,
    })),
    admin: admin === undefined ? undefined : { address: admin.address, port: admin.port },
    ledger,
    metrics,
    ready,
    async close() {
      closing = true
      await owned.disposeAsync()
    },
  }
}

async function openPolicies(config: Config, onFact: FactListener, now: () => number): Promise<PolicySource> {
  const { policies } = config
  const sources: PolicySource[] = []
  for (const { path } of config.recipients.sources)
    sources.push(await openPolicyFile({ path, policies, onFact, clock: now }))
  return chainPolicySources(sources)
}

async function openAdmin(
  config: Config,
  parts: AdminParts & { readonly onTrouble: (what: string) => void },
): Promise<Admin | undefined> {
  if (config.admin === undefined) return undefined
  const { listen, tokenFile } = config.admin
  const token: BearerToken | undefined =
    tokenFile === undefined ? undefined : await openTokenFile(tokenFile, parts.onTrouble)
  const context = adminContext(config, parts)
  const onError = (error: unknown): void => {
    parts.onTrouble(`admin API: ${error instanceof Error ? error.message : String(error)}`)
  }
  return await startAdmin({
    host: listen.host,
    port: listen.port,
    context,
    onError,
    ...(token === undefined ? {} : { token }),
  })
}
