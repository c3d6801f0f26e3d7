/** `rcptwise serve`: runs until SIGTERM or SIGINT. */
import type { Command } from 'commander'
import type { App, AppOptions } from '../app/keep-house.ts'
import { keptOfAddresses } from '../app/log-addresses.ts'
import { BegunWorkers } from '../app/workers/begun-workers.ts'
import { stdoutIsJournal } from '../app/workers/log-pipe.ts'
import type { Config } from '../config/config.ts'
import { createLog, deferredFlushMs } from '../log/log.ts'
import { logFromFacts } from '../log/from-facts.ts'
import { inheritedSockets } from '../service/activation.ts'
import { endSoon } from '../service/end.ts'
import { openServiceManager } from '../service/notify.ts'
import { asStarted, type Privileges, takeUser } from '../service/user.ts'
import { setOptionsBack } from '../service/v8-flags.ts'
import { version } from '../version.ts'
import { AskedSignals } from './asked-signals.ts'
import { carryOut } from './command-failure.ts'
import { configSource, rightConfig, withConfigOptions } from './configured.ts'
import type { Ending } from './endings.ts'
import { errorInWords } from './error-in-words.ts'
import { startReloading } from './reloading.ts'

export function register(program: Command): void {
  const command = program
    .command('serve')
    .description('take mail, and answer each recipient for themselves')
  withConfigOptions(command).action(async () => {
    await carryOut(command, async () => await serve(command))
  })
}

/** Resolves when it has started, or has not. */
async function serve(command: Command): Promise<Ending> {
  const signals = new AskedSignals()
  let inForce = rightConfig(command)
  const { config } = inForce
  const { priorities } = config.log
  const log = createLog({
    ...config.log,
    keepAddress: keptOfAddresses(config),
    priorities: priorities === 'auto' ? stdoutIsJournal() : priorities,
    flushMs: deferredFlushMs,
  })
  const note = logFromFacts(log, config.log.messages)
  const onTrouble = (what: string): void => log.warn({ event: 'trouble' }, what)
  const manager = openServiceManager(process.env, { onTrouble })
  let app: App
  try {
    const sockets = inheritedSockets(process.env, process.pid)
    const privileges =
      config.runAs === undefined
        ? asStarted
        : takeUser(config.runAs, { dataDirectory: config.dataDirectory })
    app = await startAsConfigured(config, {
      ...{ onFact: note, onTrouble, sockets, privileges },
      values: () => inForce.values(),
    })
  } catch (error) {
    log.fatal({ event: 'not started' }, `not started: ${errorInWords(error)}`)
    endSoon()
    return 'failed'
  }
  setOptionsBack()
  const listening = app.addresses.map(({ host, port }) => `${host}:${port}`)
  const backends = config.backend.servers.map((server) => server.url)
  const admin = app.admin === undefined ? undefined : `${app.admin.address}:${app.admin.port}`
  log.info(
    {
      event: 'started',
      version,
      listening,
      backends,
      admin,
      mode: config.mode,
      workers: config.workers,
      pid: process.pid,
    },
    `listening on ${listening.join(', ')}, backend ${backends.join(', ')}`,
  )
  const { ready, reasons } = app.ready()
  if (!ready)
    log.warn(
      { event: 'not ready', reasons },
      `not ready: ${reasons.join('; ')}; mail gets 451 until then`,
    )
  if (process.getuid?.() === 0)
    log.warn({ event: 'root' }, 'running as root, which nothing here needs: set run_as')
  manager.ready(statusOf(app))
  const status = setInterval(() => manager.status(statusOf(app)), statusEveryMs)

  const reloading = startReloading({
    app,
    ...configSource(command),
    onFact: app.onFact,
    onBegin: () => manager.reloading(),
    onEnd: () => manager.ready(statusOf(app)),
    onLoaded: (next) => {
      inForce = next
      log.level = next.config.log.level
    },
  })

  let closing = false
  const stop = (signal: string): void => {
    if (closing) {
      app.kill()
      return process.exit(1) // a second signal does not wait
    }
    closing = true
    log.info({ event: 'stopping', signal }, `${signal}: finishing what is under way`)
    clearInterval(status)
    manager.stopping(
      'finishing what is under way',
      inForce.config.timeouts.shutdownMs + afterShutdownMs,
    )
    void reloading
      .close()
      .then(async () => await app.close())
      .then(async () => await manager.close())
      .then(() => {
        log.info({ event: 'stopped' }, 'stopped')
        endSoon()
      })
  }
  signals.heed(stop, () => void reloading.reload())
  return 'done'
}

/**
 * Most of the program is loaded only here, when workers have begun to load theirs. They are not
 * begun while root is to be given up: they would have it too.
 */
async function startAsConfigured(
  config: Config,
  options: AppOptions & { readonly privileges: Privileges },
): Promise<App> {
  if (config.workers === 1) return await (await import('../app.ts')).startApp(config, options)
  const begun = new BegunWorkers(options.privileges.holdsRoot ? 0 : config.workers)
  const { startPrimary } = await import('../app/workers/primary.ts')
  return await startPrimary(config, { ...options, begun })
}

const statusEveryMs = 5000
/** For closing the ledger and the pool, after the last session has ended. */
const afterShutdownMs = 15_000

/** What `systemctl status` shows: where it listens, and what is in the way. */
function statusOf(app: App): string {
  const { reasons } = app.ready()
  const listening = `listening on ${app.addresses.map(({ host, port }) => `${host}:${port}`).join(', ')}`
  return [listening, ...reasons].join('; ')
}
