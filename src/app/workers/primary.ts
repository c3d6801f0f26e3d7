/**
 * Several processes as one app. The primary keeps the house, binds the ports and watches over its
 * workers, which take the mail. It is the one that was started as root, and the one that the
 * service manager knows.
 */
import type { Config } from '../../config/config.ts'
import { assignSockets } from '../../service/activation.ts'
import type { CertificateTexts } from '../../tls/given-certificates.ts'
import type { WatchedCertificates } from '../../tls/watched-certificates.ts'
import { type FactHub, factHub } from '../fact-hub.ts'
import { type App, type AppOptions, type House, keepHouse, type MailTakers } from '../keep-house.ts'
import type { Lease } from '../leases.ts'
import { keysOf } from '../listeners.ts'
import { hearSeldom } from '../live/watched-events.ts'
import { BegunWorkers } from './begun-workers.ts'
import { CertificatesOfWorkers } from './certificates-of-workers.ts'
import type { WorkerSetup } from './messages.ts'
import { shareOf } from './share.ts'
import { SharedSockets } from './shared-sockets.ts'
import { Supervisor } from './supervisor.ts'

export interface PrimaryOptions extends AppOptions {
  /** Processes for workers that are loading already; those that are too many are ended. */
  readonly begun?: BegunWorkers
}

/**
 * Starts everything, and `config.workers` processes; rejects with what could not be started and
 * why, and leaves nothing behind then.
 */
export async function startPrimary(config: Config, options: PrimaryOptions = {}): Promise<App> {
  using begun = options.begun ?? new BegunWorkers(0)
  const descriptors = assignSockets(options.sockets ?? [], config.listen.length)
  return await keepHouse(config, { ...options, worker: 'primary' }, async (house) => {
    await using opened = new AsyncDisposableStack()
    const sockets = new SharedSockets()
    opened.defer(() => sockets.close())
    await house.privileges.asRoot(async () => await sockets.bind(config, descriptors))
    const certificates = await house.certificates.lease(config)
    opened.defer(async () => await certificates?.release())
    house.privileges.dropForGood()
    const away = factHub()
    if (options.onFact !== undefined) away.add(options.onFact)
    const takers = await startWorkers(config, house, {
      sockets,
      certificates,
      away,
      begun,
    })
    opened.move()
    return takers
  })
}

interface ForWorkers {
  readonly sockets: SharedSockets
  readonly certificates: Lease<WatchedCertificates> | undefined
  /** Hears of servers behind; what workers count of them is in their own metrics. */
  readonly away: FactHub
  readonly begun: BegunWorkers
}

/** Owns what it is given from the moment that it resolves. */
async function startWorkers(
  config: Config,
  { foundation, sums, certificates: ofFiles, onTrouble, onEvent }: House,
  { sockets, certificates: first, away, begun }: ForWorkers,
): Promise<MailTakers> {
  const { facts, ledger, now } = foundation
  let current = config
  const certificates = new CertificatesOfWorkers(first, (texts) => supervisor.certify(texts))
  hearSeldom(away, onEvent)
  const supervisor = new Supervisor({
    workers: config.workers,
    begun,
    orders: setupOf(config, certificates.textsOf(first)),
    sockets: sockets.all,
    sums,
    onLost: (lost) => facts.tell({ kind: 'workerLost', at: now(), ...lost }),
    onHung: (hung) => facts.tell({ kind: 'workerHung', at: now(), ...hung }),
    onAway: away.tell,
    onEvent,
    onTrouble,
    now,
  })
  try {
    await supervisor.start()
  } catch (error) {
    supervisor.kill()
    await certificates.close()
    throw error
  }
  ofFiles.onLoaded(() => certificates.renew())

  async function reload(next: Config): Promise<void> {
    await using taken = new AsyncDisposableStack()
    const fresh = await ofFiles.lease(next)
    taken.defer(async () => await fresh?.release())
    const bound = await sockets.bind(next)
    taken.defer(() => sockets.drop(bound))
    await supervisor.reload(setupOf(next, certificates.textsOf(fresh)), bound)
    taken.move()
    current = next
    sockets.keepOnly(next)
    await certificates.use(fresh)
  }

  async function close(): Promise<void> {
    sockets.close()
    await supervisor.stop(current.timeouts.shutdownMs)
    await certificates.close()
  }
  let closing: Promise<void> | undefined
  return {
    get addresses() {
      return sockets.addressesOf(current)
    },
    reasons: () => supervisor.reasons(),
    reload,
    /** Each process has what it holds in memory for itself while the ledger is away. */
    refresh: async () =>
      ledger.durable
        ? await supervisor.refresh()
        : ['the workers know of it when the ledger can be used again (see the log)'],
    metrics: async () => await supervisor.metrics(),
    watchOften: (on) => supervisor.watchOften(on),
    close: async () => await (closing ??= close()),
    kill: () => supervisor.kill(),
  }
}

const setupOf = (config: Config, texts: CertificateTexts | undefined): WorkerSetup => ({
  config: shareOf(config),
  sockets: keysOf(config.listen),
  ...(texts !== undefined && { certificates: texts }),
})
