/**
 * Several processes as one app. The primary binds the ports, reads certificates, keeps the ledger's
 * house and serves the admin API; its workers take the mail. It is the one that was started as
 * root, and the one that the service manager knows.
 */
import { randomBytes } from 'node:crypto'
import type { App, AppOptions } from '../../app.ts'
import type { Config } from '../../config/config.ts'
import { learnFromFacts } from '../../peers/learning.ts'
import { PeerDirectory } from '../../peers/peer-directory.ts'
import { metricsFromFacts } from '../../metrics/from-facts.ts'
import { initialise, initialiseStrategy } from '../../metrics/initialise.ts'
import { createMetrics } from '../../metrics/registry.ts'
import { metricsOf, sumOf } from '../../metrics/summed.ts'
import { assignSockets } from '../../service/activation.ts'
import { asStarted } from '../../service/user.ts'
import { isStrategyName } from '../../strategy/names.ts'
import type { CertificateTexts } from '../../tls/given-certificates.ts'
import type { WatchedCertificates } from '../../tls/watched-certificates.ts'
import { openAdmin } from '../admin.ts'
import { certificateSettings, certificatesOfFiles } from '../certificates.ts'
import { factHub } from '../fact-hub.ts'
import type { Lease } from '../leases.ts'
import { openLedger } from '../ledger.ts'
import { keysOf } from '../listeners.ts'
import { needsRestart } from '../needs-restart.ts'
import { judgingOf } from '../session.ts'
import { startSweeping } from '../sweeping.ts'
import { timedLedger } from '../timed-ledger.ts'
import { Supervisor } from './supervisor.ts'
import type { WorkerSetup } from './messages.ts'
import { shareOf } from './share.ts'
import { SharedSocket } from './shared-socket.ts'

/**
 * New keys for session tickets: whoever gets hold of one can't read what was said before that day
 * (RFC 5077 5.5).
 */
const ticketKeysMs = 24 * 3_600_000
const ticketKeyBytes = 48

/**
 * Starts everything, and `config.workers` processes; rejects with what could not be started and
 * why, and leaves nothing behind then.
 */
export async function startPrimary(config: Config, options: AppOptions = {}): Promise<App> {
  await using parts = new AsyncDisposableStack()
  const { now = Date.now, onTrouble = (): void => undefined, privileges = asStarted } = options
  const facts = factHub()
  if (options.onFact !== undefined) facts.add(options.onFact)
  const onFact = facts.tell
  let current = config

  const strategies = (): readonly {
    peer: string
    name: string
    strategy: ReturnType<PeerDirectory['strategyOf']>
  }[] =>
    current.peers.map((peer) => ({
      peer: peer.name,
      name: peer.name,
      strategy: directory.strategyOf(peer),
    }))
  const metrics = createMetrics(
    {
      countOpen: async () => await store.countOpen(),
      strategies,
      missing: () => sweeping.missing(),
      learned: () => sweeping.learned(),
      certificates: () =>
        (certificates?.part.all ?? []).map(({ name, expiresAt }) => ({
          name,
          notAfter: expiresAt,
        })),
    },
    { processMetrics: options.processMetrics ?? true, worker: 'primary' },
  )
  facts.add(metricsFromFacts(metrics))
  // The metrics hear of it when it can't be opened.
  const store = await openLedger(config, onFact, now)
  parts.defer(async () => await store.close())
  facts.add(learnFromFacts({ senders: store.senders, onFact }))
  const ledger = timedLedger(store, metrics)
  const newDirectory = ({ peers, trusted }: Config): PeerDirectory =>
    new PeerDirectory({ classes: peers, trusted, overrides: () => ledger.overrides(), now })
  let directory = newDirectory(config)
  initialise(metrics, strategies(), current.judge.kind)
  metrics.configLoadedSeconds.set(now() / 1000)

  const sockets = new Map<string, SharedSocket>()
  const closeSockets = (): void => {
    for (const socket of sockets.values()) socket.close()
    sockets.clear()
  }
  parts.defer(closeSockets)
  const descriptors = assignSockets(options.sockets ?? [], config.listen.length)
  const drop = (keys: readonly string[]): void => {
    for (const key of keys) {
      sockets.get(key)?.close()
      sockets.delete(key)
    }
  }
  /** Binds what is not bound yet, all or nothing; gives the keys of that. */
  const bind = async (
    { listen }: Config,
    given: typeof descriptors = [],
  ): Promise<readonly string[]> => {
    const fresh: string[] = []
    try {
      for (const [i, key] of keysOf(listen).entries()) {
        const [entry, descriptor] = [listen[i], given[i]]
        if (entry === undefined || sockets.has(key)) continue
        const socket =
          descriptor === undefined
            ? await SharedSocket.bind(entry)
            : SharedSocket.inherit(descriptor)
        sockets.set(key, socket)
        fresh.push(key)
      }
      return fresh
    } catch (error) {
      drop(fresh)
      throw error
    }
  }
  await privileges.asRoot(async () => await bind(config, descriptors))

  let ticketKeys = randomBytes(ticketKeyBytes)
  const ofFiles = certificatesOfFiles({ onFact, now, privileges })
  const leaseCertificates = async (
    for_: Config,
  ): Promise<Lease<WatchedCertificates> | undefined> => {
    const settings = certificateSettings(for_)
    return settings && (await ofFiles.lease(settings))
  }
  let certificates = await leaseCertificates(config)
  parts.defer(async () => await certificates?.release())
  const textsOf = (of: Lease<WatchedCertificates> | undefined): CertificateTexts | undefined =>
    of && { pairs: of.part.texts, ticketKeys }
  privileges.dropForGood()

  const ordersOf = (for_: Config, texts: CertificateTexts | undefined): WorkerSetup => ({
    config: shareOf(for_),
    sockets: keysOf(for_.listen),
    ...(texts !== undefined && { certificates: texts }),
  })
  const supervisor = new Supervisor({
    workers: config.workers,
    orders: ordersOf(config, textsOf(certificates)),
    sockets,
    onLost: (lost) => onFact({ kind: 'workerLost', at: now(), ...lost }),
    onHung: (hung) => onFact({ kind: 'workerHung', at: now(), ...hung }),
    // What workers count is in their own metrics.
    onAway: options.onFact ?? ((): void => undefined),
    onTrouble,
    now,
  })
  parts.defer(async () => {
    // A connection that comes now is refused, and not left to wait for nobody.
    closeSockets()
    await supervisor.stop(current.timeouts.shutdownMs)
  })
  try {
    await supervisor.start()
  } catch (error) {
    supervisor.kill()
    throw error
  }
  const certify = (): void => {
    const texts = textsOf(certificates)
    if (texts !== undefined) supervisor.certify(texts)
  }
  /**
   * Sessions from before can't be resumed then: whoever comes sees the certificate that is in use
   * now.
   */
  const certifyAnew = (): void => {
    ticketKeys = randomBytes(ticketKeyBytes)
    certify()
  }
  facts.add((fact) => {
    if (fact.kind === 'certificateLoaded') certifyAnew()
  })
  const renewing = setInterval(certifyAnew, ticketKeysMs)
  parts.defer(() => clearInterval(renewing))
  const sweeping = startSweeping({ ledger, config: () => current, onFact, now })
  parts.defer(() => sweeping.stop())

  const scrape = async (): Promise<string> => {
    const workers = await supervisor.metrics()
    for (const { name, values } of workers.flat()) {
      if (name !== 'rcptwise_splits_opened_total') continue
      for (const { labels } of values) {
        const strategy = String(labels['strategy'])
        // So that splits_open shows a 0 of each pair that the workers know.
        if (isStrategyName(strategy)) initialiseStrategy(metrics, String(labels['peer']), strategy)
      }
    }
    return await sumOf([await metricsOf(metrics.registry), ...workers]).metrics()
  }
  let closing = false
  const ready = (): ReturnType<App['ready']> => {
    const reasons = [...(closing ? ['shutting down'] : []), ...supervisor.reasons()]
    return { ready: reasons.length === 0, reasons }
  }
  const peers = (): Config['peers'] => current.peers
  /** Each process has what it holds in memory for itself while the ledger is away. */
  const tellProcesses = async (): Promise<readonly string[]> =>
    store.durable
      ? await supervisor.refresh()
      : ['the workers know of it when the ledger can be used again (see the log)']
  const admin = await openAdmin(config, {
    peers,
    missingAfterMs: () => current.ledger.missingAfterMs,
    ledger,
    metrics,
    scrape,
    tellProcesses,
    judging: () => judgingOf(current),
    onFact,
    now,
    ready,
    onTrouble,
  })
  if (admin !== undefined) parts.defer(async () => await admin.close())

  async function reload(wanted: Config): Promise<readonly string[]> {
    const { config: next, keys } = needsRestart(current, wanted)
    const fresh = await leaseCertificates(next)
    let bound: readonly string[] = []
    try {
      bound = await bind(next)
      await supervisor.reload(ordersOf(next, textsOf(fresh)), bound)
    } catch (error) {
      drop(bound)
      await fresh?.release()
      throw error
    }
    const before = certificates
    current = next
    certificates = fresh
    directory = newDirectory(next)
    initialise(metrics, strategies(), current.judge.kind)
    drop([...sockets.keys()].filter((key) => !keysOf(next.listen).includes(key)))
    await before?.release()
    certify() // the files may have changed meanwhile
    return keys
  }

  const owned = parts.move()
  return {
    get addresses(): App['addresses'] {
      return keysOf(current.listen).flatMap((key) => {
        const socket = sockets.get(key)
        return socket === undefined ? [] : [{ host: socket.host, port: socket.port }]
      })
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
    kill: () => supervisor.kill(),
  }
}
