/**
 * A place for one mail server: a root directory of its own below the temporary directory, in which
 * its programs run by chroot, on the host's loopback. Several places live side by side; each ends
 * the processes it started and is removed.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { packageRoot, type PackageSet } from './packages.ts'
import { mustRun, run, type Ran, type RunOptions } from './run.ts'
import { until } from './until.ts'

/** Users and groups that the mail servers ask for by name; numbers are the same in every place. */
const users = {
  root: 0,
  daemon: 1,
  mail: 8,
  nobody: 65534,
  'Debian-exim': 901,
  postfix: 902,
  vmail: 903,
  smmta: 905,
  smmsp: 906,
  opensmtpd: 907,
  opensmtpq: 908,
  courier: 909,
  postgres: 910,
  mysql: 911,
} as const
const groups = {
  ...users,
  nogroup: 65534,
  postdrop: 904,
} as const

export type PlaceUser = keyof typeof users
export type PlaceGroup = keyof typeof groups

export class Place implements AsyncDisposable {
  /** Where the place's `/` is on the host. */
  readonly root: string
  private readonly daemons = new Set<ChildProcess>()

  private constructor(root: string) {
    this.root = root
  }

  /** Makes a place with the programs of a package set. Throws when the packages can't be had. */
  static async make(set: PackageSet): Promise<Place> {
    const origin = await packageRoot(set)
    const place = new Place(await mkdtemp(path.join(await realpath(tmpdir()), `rcptwise-${set}-`)))
    try {
      await place.furnish(origin)
      return place
    } catch (error) {
      await place[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Programs, devices, accounts: what every place has. */
  private async furnish(origin: string): Promise<void> {
    await chmod(this.root, 0o755)
    // Hard links where the file system allows them: nobody writes below usr.
    const linked = await run('cp', ['-al', path.join(origin, 'usr'), this.root])
    if (linked.code !== 0) await mustRun('cp', ['-a', path.join(origin, 'usr'), this.root])
    for (const directory of ['bin', 'lib', 'lib64', 'sbin']) {
      await symlink(`usr/${directory}`, path.join(this.root, directory))
    }
    await this.directory('/tmp', { user: 'root', group: 'root', mode: 0o1777 })
    await this.directory('/dev', { user: 'root', group: 'root', mode: 0o755 })
    const devices =
      'cd "$1" && mknod null c 1 3 && mknod zero c 1 5 && mknod random c 1 8 && mknod urandom c 1 9'
    await mustRun('sh', ['-c', `umask 0; ${devices}`, 'devices', this.host('/dev')])
    await this.write(
      '/etc/passwd',
      accounts(users, (name, id) => `${name}:x:${id}:${id}:${name}:/:/bin/sh`),
    )
    await this.write(
      '/etc/group',
      accounts(groups, (name, id) => `${name}:x:${id}:`),
    )
    await this.write('/etc/hosts', '127.0.0.1 localhost\n')
    await this.write(
      '/etc/nsswitch.conf',
      'passwd: files\ngroup: files\nhosts: files\nservices: files\n',
    )
  }

  /** The host's name of a path of the place. */
  host(inside: string): string {
    return path.join(this.root, inside)
  }

  /** The number of a group in this place. */
  groupId(group: PlaceGroup): number {
    return groups[group]
  }

  /** In one piece: a program that reads the file meanwhile has the old text or the new one. */
  async write(inside: string, text: string | Buffer, mode = 0o644): Promise<void> {
    const file = this.host(inside)
    await mkdir(path.dirname(file), { recursive: true })
    await writeFile(`${file}.new`, text, { mode })
    await rename(`${file}.new`, file)
  }

  /** The text of a file, empty while it does not exist. */
  async read(inside: string): Promise<string> {
    try {
      return await readFile(this.host(inside), 'latin1')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
      throw error
    }
  }

  async directory(
    inside: string,
    owner: { user: PlaceUser; group: PlaceGroup; mode: number },
  ): Promise<void> {
    await mkdir(this.host(inside), { recursive: true })
    await chown(this.host(inside), users[owner.user], groups[owner.group])
    await chmod(this.host(inside), owner.mode)
  }

  async fifo(
    inside: string,
    owner: { user: PlaceUser; group: PlaceGroup; mode: number },
  ): Promise<void> {
    await mustRun('mkfifo', [this.host(inside)])
    await chown(this.host(inside), users[owner.user], groups[owner.group])
    await chmod(this.host(inside), owner.mode)
  }

  /** Runs a program of the place to its end. */
  async run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    return await run('/usr/sbin/chroot', [this.root, program, ...args], options)
  }

  /**
   * Starts, as root, a program that stays in the foreground until the place is disposed. Should
   * this process die first, the kernel ends the daemon (`setpriv --pdeathsig`, lost on a change of
   * user). What it says goes to `/daemon.log`.
   */
  async start(program: string, args: readonly string[]): Promise<ChildProcess> {
    const command = ['--pdeathsig', 'KILL', '/usr/sbin/chroot', this.root, program, ...args]
    const log = `exec /usr/bin/setpriv "$@" </dev/null >>${this.host('/daemon.log')} 2>&1`
    const child = spawn('/bin/sh', ['-c', log, 'sh', ...command], {
      detached: true,
      stdio: 'ignore',
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    })
    await once(child, 'spawn')
    this.daemons.add(child)
    return child
  }

  /** Ends everything at once, as when the power fails; the files stay as they are. */
  async kill(): Promise<void> {
    for (const daemon of this.daemons) daemon.kill('SIGKILL')
    this.daemons.clear()
    await this.endAll()
  }

  /** Ends what was started here and removes the directory. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const daemon of this.daemons) daemon.kill('SIGKILL')
    await this.endAll()
    await rm(this.root, { recursive: true, force: true, maxRetries: 5 })
  }

  /**
   * Ends every process whose root is this place: daemons, and deliveries that left their process
   * group. Nothing is asked to end in peace: what they would save is removed next.
   */
  private async endAll(): Promise<void> {
    await until('the processes of a mail server end', async () => {
      const pids = await this.processes()
      for (const pid of pids) kill(pid)
      return pids.length === 0
    })
  }

  private async processes(): Promise<number[]> {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
    const roots = await Promise.all(
      pids.map(async (pid) => await readlink(`/proc/${pid}/root`).catch(() => '')),
    )
    // Some change their root once more, to an empty directory of the place.
    return pids
      .filter((_, index) => `${roots[index] ?? ''}/`.startsWith(`${this.root}/`))
      .map(Number)
  }
}

const accounts = (
  ids: Readonly<Record<string, number>>,
  line: (name: string, id: number) => string,
): string =>
  Object.entries(ids)
    .map(([name, id]) => `${line(name, id)}\n`)
    .join('')

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself in between.
  }
}
