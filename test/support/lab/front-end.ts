/** Rcptwise itself as its own process, `rcptwise serve`, with a configuration of the test's. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { stringify } from 'yaml'
import { freePort } from './ports.ts'
import { until } from './until.ts'

export interface FrontEndOptions {
  /** Port of the backend on 127.0.0.1. */
  readonly backend: number
  /** Policy by address; others are `careful`. */
  readonly recipients?: Readonly<Record<string, string>>
  /** Keys of the class `default`, such as `strategy`. */
  readonly peer?: Readonly<Record<string, string | number>>
  /** Further sections of the configuration. */
  readonly config?: Readonly<Record<string, unknown>>
}

export interface FrontEnd extends AsyncDisposable {
  readonly port: number
  /** What it logged so far, for the message of a test that fails. */
  readonly log: () => Promise<string>
  /** One sample of /metrics with all its labels added up. */
  readonly metric: (name: string) => Promise<number>
}

/** Tags from 5 or 6, refuses from 8 (strict) or 15 (careful) or never (tag-only). */
const policies = {
  'tag-only': { tag_at: 6 },
  careful: { tag_at: 6, reject_at: 15 },
  strict: { tag_at: 5, reject_at: 8 },
}

/** Starts it, ready to take mail for example.org and client.test; ends with `await using`. */
export async function startFrontEnd(options: FrontEndOptions): Promise<FrontEnd> {
  const directory = await mkdtemp(path.join(tmpdir(), 'rcptwise-front-end-'))
  const [port, admin] = [await freePort(), await freePort()]
  await writeFile(path.join(directory, 'recipients.yaml'), stringify(options.recipients ?? {}))
  const config = {
    hostname: 'mx.example.org',
    listen: [`127.0.0.1:${port}`],
    backend: { servers: [`smtp://127.0.0.1:${options.backend}`] },
    relay_domains: ['example.org', 'client.test'],
    policies,
    recipients: { default: 'careful', sources: [{ file: 'recipients.yaml' }] },
    peers: [{ name: 'default', strategy: 'group', ...options.peer }],
    admin: { listen: `127.0.0.1:${admin}` },
    data_directory: 'data',
    log: { pretty: false },
    ...options.config,
  }
  await writeFile(path.join(directory, 'rcptwise.yaml'), stringify(config))
  const main = path.join(import.meta.dirname, '..', '..', '..', 'src', 'cli', 'main.ts')
  const command = ['--pdeathsig', 'KILL', process.execPath, main, 'serve', '--config', 'rcptwise.yaml']
  const logFile = path.join(directory, 'log')
  const child = spawn('/bin/sh', ['-c', `exec /usr/bin/setpriv "$@" >${logFile} 2>&1 </dev/null`, 'sh', ...command], {
    cwd: directory,
    stdio: 'ignore',
  })
  const ended = once(child, 'exit')
  const log = async (): Promise<string> => await readFile(logFile, 'utf8').catch(() => '')
  const dispose = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const killer = setTimeout(() => child.kill('SIGKILL'), 10_000)
      child.kill('SIGTERM')
      await ended
      clearTimeout(killer)
    }
    await rm(directory, { recursive: true, force: true })
  }
  const ready = async (): Promise<boolean> => {
    if (child.exitCode !== null) throw new Error(`rcptwise serve ended with ${child.exitCode}:\n${await log()}`)
    return await fetch(`http://127.0.0.1:${admin}/readyz`).then(
      ({ status }) => status === 200,
      () => false,
    )
  }
  try {
    await until('Rcptwise is ready', ready, { limitMs: 30_000, explain: log })
  } catch (error) {
    await dispose()
    throw error
  }
  return {
    port,
    log,
    metric: async (name) => {
      const text = await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text()
      const samples = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
    },
    [Symbol.asyncDispose]: dispose,
  }
}
