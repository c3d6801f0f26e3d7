/**
 * Rcptwise as one process that keeps house and takes mail. Tests start this, and so does `serve`
 * with `workers: 1`; for more see app/workers/primary.ts.
 */
import {
  type App,
  type AppOptions,
  type House,
  keepHouse,
  type MailTakers,
} from './app/keep-house.ts'
import type { SocketOf } from './app/listeners.ts'
import { takeMail } from './app/take-mail.ts'
import type { Config } from './config/config.ts'
import { Listener } from './listen/listener.ts'
import { alone } from './listen/shared-limits.ts'
import { assignSockets } from './service/activation.ts'

export type { App, AppOptions } from './app/keep-house.ts'

/**
 * Starts everything; rejects with what could not be started and why, and leaves nothing behind
 * then.
 */
export async function startApp(config: Config, options: AppOptions = {}): Promise<App> {
  const socketOf = inherited(assignSockets(options.sockets ?? [], config.listen.length))
  return await keepHouse(config, options, async (house) => await takeHere(config, house, socketOf))
}

/** The service manager's sockets are for the entries that the process began with. */
function inherited(descriptors: readonly (number | undefined)[]): SocketOf {
  const left = new Map(descriptors.entries())
  return (_key, index) => {
    const descriptor = left.get(index)
    left.delete(index)
    return descriptor === undefined ? {} : { descriptor }
  }
}

async function takeHere(
  config: Config,
  { foundation, privileges, certificates }: House,
  socketOf: SocketOf,
): Promise<MailTakers> {
  await using opened = new AsyncDisposableStack()
  const mail = opened.use(
    await takeMail(config, {
      foundation,
      certificates: async (for_) => await certificates.lease(for_),
      shared: alone,
      socketOf,
      open: async (listening) =>
        await privileges.asRoot(async () => await Listener.open(listening)),
    }),
  )
  privileges.dropForGood()
  const owned = opened.move()
  return {
    get addresses() {
      return mail.addresses
    },
    reasons: () => mail.reasons(),
    reload: async (next) => await mail.reload(next),
    // What is set in the ledger is in force in this process at once.
    refresh: async () => await Promise.resolve([]),
    metrics: async () => await Promise.resolve([]),
    watchOften: () => undefined,
    close: async () => await owned.disposeAsync(),
    kill: () => undefined,
  }
}
