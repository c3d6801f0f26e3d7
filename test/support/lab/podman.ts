/**
 * podman, crun and podman-compose of Debian, in a machine of their own: a root directory, process
 * numbers and a network of which the host sees nothing, and nothing leads out. Only what is asked
 * for with `outside` (building images) has the host's network. All of it ends with one process.
 *
 * There is no systemd in it, so health checks are run by whoever asks for them, and containers have
 * no control groups.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, readFile, symlink } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { Place } from './place.ts'
import { mustRun, run, type Ran, type RunOptions } from './run.ts'
import { until } from './until.ts'

export interface Podman extends AsyncDisposable {
  /** Runs podman in the machine, to its end; rejects when it fails. */
  readonly podman: (...args: readonly string[]) => Promise<Ran>
  /** Runs any program of the machine, to its end. */
  readonly run: (program: string, args: readonly string[], options?: RunOptions) => Promise<Ran>
  /** Like `run`, with the host's network. */
  readonly outside: (program: string, args: readonly string[], options?: RunOptions) => Promise<Ran>
  /** Writes a file of the machine. */
  readonly write: (inside: string, text: string | Buffer) => Promise<void>
  /**
   * A port of the host's 127.0.0.1 that leads to one of the machine's; for as long as the machine
   * is there.
   */
  readonly reach: (port: number) => Promise<number>
}

const settings = {
  '/etc/containers/policy.json': '{"default":[{"type":"insecureAcceptAnything"}]}',
  // Short names are Docker's, as in a Dockerfile.
  '/etc/containers/registries.conf': 'unqualified-search-registries = ["docker.io"]\n',
  '/etc/containers/containers.conf': `[containers]
cgroups = "disabled"
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
`,
}

/**
 * $1: the root; the rest: pairs of a path of the host and where it is to be seen. pivot_root and
 * not chroot, because crun enters containers by the root of the mount namespace. A cgroup2 of its
 * own hides mixed ones, which crun refuses.
 */
const boot = `set -e
root=$1; shift
mount --bind "$root" "$root"; cd "$root"
mkdir -p proc sys run .old var/tmp
mount -t proc proc proc
mount --rbind /sys sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount --rbind /dev dev
mount -t tmpfs tmpfs run
while [ $# -gt 0 ]; do
  mkdir -p ".$2"; mount --rbind "$1" ".$2"; mount -o remount,bind,ro ".$2"; shift 2
done
pivot_root . .old
umount -l .old
rmdir .old
ip link set lo up
echo booted
exec sleep infinity
`

/** Starts a machine; `folders` of the host are seen in it, unchangeable, where the value says. */
export async function startPodman(folders: Readonly<Record<string, string>> = {}): Promise<Podman> {
  const place = await Place.make('podman')
  let machine: ChildProcess | undefined
  const relays = new Set<AsyncDisposable>()
  const end = async (): Promise<void> => {
    for (const relay of relays) await relay[Symbol.asyncDispose]()
    if (machine?.exitCode === null && machine.signalCode === null) {
      const gone = once(machine, 'exit')
      machine.kill('SIGKILL')
      await gone
    }
    await place[Symbol.asyncDispose]()
  }
  try {
    for (const [name, text] of Object.entries(settings)) await place.write(name, text)
    for (const name of ['resolv.conf', 'hosts'])
      await copyFile(`/etc/${name}`, place.host(`/etc/${name}`))
    for (const name of ['iptables', 'ip6tables'])
      await symlink(`${name}-nft`, place.host(`/usr/sbin/${name}`))
    await mkdir(place.host('/var/lib/cni'), { recursive: true })
    const own = ['--mount', '--pid', '--net', '--fork', '--kill-child']
    const mounts = Object.entries(folders).flat()
    machine = spawn(
      '/usr/bin/setpriv',
      [
        '--pdeathsig',
        'KILL',
        '/usr/bin/unshare',
        ...own,
        'sh',
        '-c',
        boot,
        'sh',
        place.root,
        ...mounts,
      ],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
      },
    )
    const pid = await firstProcess(machine)
    const enter = ['--target', pid, '--mount', '--pid', '--root', '--wd']
    const env = { HOME: '/root', DISABLE_HC_SYSTEMD: 'true' }
    const inside = async (
      network: readonly string[],
      command: readonly string[],
      options: RunOptions,
    ): Promise<Ran> =>
      await run('/usr/bin/nsenter', [...enter, ...network, '--', ...command], {
        limitMs: 240_000,
        ...options,
        env: { ...env, ...options.env },
      })
    return {
      podman: async (...args) =>
        await mustRun('/usr/bin/nsenter', [...enter, '--net', '--', 'podman', ...args], {
          limitMs: 240_000,
          env,
        }),
      run: async (program, args, options = {}) =>
        await inside(['--net'], [program, ...args], options),
      outside: async (program, args, options = {}) => await inside([], [program, ...args], options),
      write: async (name, text) => await place.write(name, text),
      reach: async (port) => {
        const relay = await relayTo(pid, port)
        relays.add(relay)
        return relay.port
      },
      [Symbol.asyncDispose]: end,
    }
  } catch (error) {
    await end()
    throw error
  }
}

/** The number that the machine's first process has on the host, once everything is mounted. */
async function firstProcess(machine: ChildProcess): Promise<string> {
  let said = ''
  machine.stdout?.on('data', (text: Buffer) => (said += text.toString()))
  machine.stderr?.on('data', (text: Buffer) => (said += text.toString()))
  await until(
    'the machine for podman is there',
    () => said.endsWith('booted\n') || machine.exitCode !== null,
    {
      limitMs: 60_000,
      explain: () => said,
    },
  )
  const { pid = 0 } = machine
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  const first = children.trim().split(' ')[0] ?? ''
  if (first === '') throw new Error(`The machine for podman did not start:\n${said}`)
  return first
}

/** Runs in the machine's network, with the host's files. */
const relayProgram =
  "const s = require('node:net').connect(Number(process.argv[1]), '127.0.0.1');" +
  's.on("error", () => process.exit(1)); process.stdin.pipe(s).pipe(process.stdout)'

async function relayTo(
  machine: string,
  port: number,
): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const command = [
      '--target',
      machine,
      '--net',
      '--',
      process.execPath,
      '-e',
      relayProgram,
      `${port}`,
    ]
    const child = spawn('/usr/bin/nsenter', command, { stdio: ['pipe', 'pipe', 'ignore'], env: {} })
    sockets.add(socket)
    child.stdin.on('error', () => undefined)
    socket
      .on('error', () => undefined)
      .on('close', () => {
        sockets.delete(socket)
        child.kill('SIGKILL')
      })
    socket.pipe(child.stdin)
    child.stdout.pipe(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
