/**
 * A Debian system that is really booted, by systemd-nspawn: its own process 1 and file system, the
 * host's loopback.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile, rm, symlink } from 'node:fs/promises'
import path from 'node:path'
import { copyOf, type RootCopy } from './debian-root.ts'
import { run, type Ran } from '../../support/lab/run.ts'
import { until } from '../../support/lab/until.ts'

export interface Booted extends AsyncDisposable {
  readonly directory: string
  /** Runs a program in the booted system, as root, to its end. */
  readonly run: (program: string, ...args: readonly string[]) => Promise<Ran>
}

/** What would only cost time here: a login on the console, daily work. */
const masked = [
  'console-getty.service',
  'systemd-logind.service',
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
  'man-db.timer',
]

/** Where a program's libraries are, and what loads them, by machine. */
const loaders: Readonly<Record<string, readonly [string, string]>> = {
  x64: ['x86_64-linux-gnu', 'lib64/ld-linux-x86-64.so.2'],
  arm64: ['aarch64-linux-gnu', 'lib/ld-linux-aarch64.so.1'],
}

/** Resolves when it has booted. */
export async function boot(): Promise<Booted> {
  const copy = await copyOf('tools')
  try {
    return await bootCopy(copy)
  } catch (error) {
    await copy[Symbol.asyncDispose]()
    throw error
  }
}

async function bootCopy(copy: RootCopy): Promise<Booted> {
  const { directory } = copy
  for (const unit of masked)
    await symlink('/dev/null', path.join(directory, 'etc/systemd/system', unit))
  const [triplet, loader] = loaders[process.arch] ?? []
  if (triplet === undefined || loader === undefined)
    throw new Error(`no root is made for ${process.arch} here`)
  // Its own nspawn, with its own libraries: the host needs no systemd.
  const libraries = ['', 'systemd']
    .map((folder) => path.join(directory, 'usr/lib', triplet, folder))
    .join(':')
  const nspawn = [
    path.join(directory, loader),
    '--library-path',
    libraries,
    path.join(directory, 'usr/bin/systemd-nspawn'),
  ]
  const machine = path
    .basename(directory)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '')
  const options = [
    '--quiet',
    '--register=no',
    '--keep-unit',
    '--boot',
    `--machine=${machine}`,
    '--directory',
    directory,
  ]
  const logFile = `${directory}.log`
  await using log = await open(logFile, 'w')
  const child = spawn('/usr/bin/setpriv', ['--pdeathsig', 'KILL', ...nspawn, ...options], {
    stdio: ['ignore', log.fd, log.fd],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
  })
  const gone = once(child, 'exit')
  const end = async (): Promise<void> => {
    child.kill('SIGTERM')
    const late = setTimeout(() => child.kill('SIGKILL'), 20_000)
    await gone
    clearTimeout(late)
    await copy[Symbol.asyncDispose]()
    await rm(logFile, { force: true })
  }
  const enter = async (program: string, ...args: readonly string[]): Promise<Ran> => {
    const first = await firstProcess(child.pid ?? 0)
    const into = ['--target', first, '--mount', '--uts', '--ipc', '--pid', '--root', '--wd']
    return await run('/usr/bin/nsenter', [...into, program, ...args], {
      limitMs: 90_000,
      env: { HOME: '/root' },
    })
  }
  try {
    await until(
      'Debian has booted',
      async () => {
        if (child.exitCode !== null) throw new Error(`systemd-nspawn ended with ${child.exitCode}`)
        if ((await firstProcess(child.pid ?? 0)) === '') return false
        return /running|degraded/.test((await enter('systemctl', 'is-system-running')).stdout)
      },
      { limitMs: 180_000 },
    )
  } catch (error) {
    const said = await readFile(logFile, 'utf8')
    await end()
    throw new Error(`The system did not boot:\n${said}`, { cause: error })
  }
  return { directory, run: enter, [Symbol.asyncDispose]: end }
}

/** The number that the system's process 1 has on the host; empty while there is none. */
const firstProcess = async (nspawn: number): Promise<string> =>
  (await readFile(`/proc/${nspawn}/task/${nspawn}/children`, 'utf8').catch(() => ''))
    .trim()
    .split(' ')[0] ?? ''
