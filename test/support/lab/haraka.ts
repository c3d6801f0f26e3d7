/**
 * Haraka 3.3 as a sending client: it offers one recipient after the other, queues what was
 * deferred, and connects anew for each attempt (senders). It runs on this project's Node in a
 * directory of its own; it needs no root.
 *
 * A plugin of a few lines stands for the site's: it sends everything to one server and, for what
 * was deferred, writes down how long Haraka would wait and makes it a second (Haraka's Outbound.md,
 * `get_mx` and `deferred`; outbound.ini takes no less than 5 s).
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { harakaRoot } from './haraka-package.ts'
import { freePort, greets } from './ports.ts'
import { submitMessage, type Submission } from './submission.ts'
import { until, untilSteady } from './until.ts'

export interface HarakaOptions {
  readonly relayTo: { readonly host: string; readonly port: number }
  /** STARTTLS where it is offered (Haraka's default). */
  readonly tls?: boolean
  /** Authenticates with the strongest mechanism that is offered to it. */
  readonly as?: { readonly user: string; readonly password: string }
}

export interface Haraka extends AsyncDisposable {
  readonly port: number
  /** Hands a message to it over SMTP. */
  readonly submit: (submission: Submission) => Promise<void>
  /** Everything it said; its dialogues as a client behind `C:` and `S:`. */
  readonly log: () => Promise<string>
  /** How long it would have waited after each deferral, in seconds, in order. */
  readonly waits: () => Promise<number[]>
  /** Waits until no message is in the queue. */
  readonly empty: () => Promise<void>
}

/** What the `get_mx` hook answers (Outbound.md: Outbound AUTH). */
const exchange = ({ relayTo, as }: HarakaOptions): string =>
  JSON.stringify({
    priority: 0,
    exchange: relayTo.host,
    port: relayTo.port,
    ...(as === undefined ? {} : { auth_user: as.user, auth_pass: as.password }),
  })

const plugin = (options: HarakaOptions): string => `'use strict'
exports.hook_connect = (next, connection) => {
  connection.relaying = true
  next()
}
exports.hook_lookup_rdns = (next) => next(OK, 'client.test')
exports.hook_rcpt = (next) => next(OK)
exports.hook_get_mx = (next) => next(OK, ${exchange(options)})
exports.hook_deferred = function (next, hmail, { delay }) {
  this.lognotice('would wait ' + delay + ' s')
  next(DENYSOFT, 1)
}
`

/** Starts a Haraka that listens on a port of 127.0.0.1. Ends with `await using` or its dispose. */
export async function startHaraka(options: HarakaOptions): Promise<Haraka> {
  const haraka = path.join(await harakaRoot(), 'node_modules/Haraka')
  const directory = await mkdtemp(path.join(tmpdir(), 'rcptwise-haraka-'))
  const port = await freePort()
  const files = {
    'config/me': 'haraka.test\n',
    'config/plugins': 'lab\n',
    'config/smtp.ini': `listen=127.0.0.1:${port}\nnodes=0\n`,
    'config/outbound.ini': `enable_tls=${options.tls ?? true}\n`,
    'config/log.ini': '[main]\nlevel=protocol\nformat=default\n',
    'plugins/lab.js': plugin(options),
  }
  for (const folder of ['config', 'plugins', 'queue']) await mkdir(path.join(directory, folder))
  await copyFile(
    path.join(haraka, 'config/connection.ini'),
    path.join(directory, 'config/connection.ini'),
  )
  for (const [name, text] of Object.entries(files))
    await writeFile(path.join(directory, name), text)

  // Should this process die first, the kernel ends the daemon.
  const command = [
    '--pdeathsig',
    'KILL',
    process.execPath,
    path.join(haraka, 'bin/haraka'),
    '-c',
    directory,
  ]
  const daemon = spawn(
    '/bin/sh',
    ['-c', 'exec /usr/bin/setpriv "$@" </dev/null >daemon.log 2>&1', 'sh', ...command],
    {
      cwd: directory,
      stdio: 'ignore',
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', HOME: directory },
    },
  )
  await once(daemon, 'spawn')
  const ended = once(daemon, 'exit')
  const running = (): boolean => daemon.exitCode === null && daemon.signalCode === null
  const log = async (): Promise<string> => {
    const lines = (await readFile(path.join(directory, 'daemon.log'), 'utf8')).split('\n')
    return lines.filter((line) => !/\[(?:DEBUG|INFO)\]/.test(line)).join('\n')
  }
  const dispose = async (): Promise<void> => {
    if (running()) daemon.kill('SIGKILL')
    await ended
    await rm(directory, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    await until('Haraka listens', async () => !running() || (await greets(port)))
    if (!running()) throw new Error(`Haraka ended with ${daemon.exitCode}`)
  } catch (error) {
    const said = await log()
    await dispose()
    throw new Error(`Haraka did not start:\n${said}`, { cause: error })
  }
  return {
    port,
    submit: async (submission) => {
      await submitMessage(port, submission)
    },
    log,
    waits: async () =>
      [...(await log()).matchAll(/would wait (\d+) s/g)].map(([, seconds]) => Number(seconds)),
    empty: async () => {
      const queued = async (): Promise<string[]> => await readdir(path.join(directory, 'queue'))
      await untilSteady('the queue of Haraka is empty', async () => (await queued()).length === 0, {
        explain: log,
      })
    },
    [Symbol.asyncDispose]: dispose,
  }
}
