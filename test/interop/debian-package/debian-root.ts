/**
 * Whole Debian systems in a directory, made by mmdebstrap from the host's own package sources and
 * kept between runs in $RCPTWISE_LAB, or ~/.cache/rcptwise-lab. `clean` has what every Debian has,
 * and adduser, which the package depends on; `tools` also has systemd, lintian and systemd-nspawn.
 * A test takes a copy and does in it what it likes.
 */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import path from 'node:path'
import { patiently, type Report } from '../../support/lab/packages.ts'
import { mustRun, run, type Ran } from '../../support/lab/run.ts'

const packages = {
  clean: ['adduser'],
  tools: ['adduser', 'systemd', 'systemd-container', 'lintian'],
} as const

export type DebianRoot = keyof typeof packages
export const debianRootNames = Object.keys(packages) as readonly DebianRoot[]

/** Counts changes in how a root is made, so that an older one is not taken for it. */
const recipe = 1

/**
 * The directory of a root, which is made when it is missing: most of a minute with the network.
 * Never written to.
 */
export async function debianRoot(
  name: DebianRoot,
  report: Report = () => undefined,
): Promise<string> {
  const release = /^VERSION_CODENAME=(\S+)$/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1]
  if (release === undefined) throw new Error('/etc/os-release does not name a Debian release')
  const lab = process.env['RCPTWISE_LAB'] ?? path.join(homedir(), '.cache', 'rcptwise-lab')
  const root = path.join(lab, `debian-${release}-${name}-${recipe}`)
  if (existsSync(root)) return root
  report(`Debian ${name}: making it in ${lab}`)
  await mkdir(lab, { recursive: true })
  const work = await mkdtemp(path.join(lab, `.building-${name}-`))
  try {
    const fetch = 'cd "$1" && apt-get -q download mmdebstrap && dpkg-deb -x mmdebstrap_*.deb .'
    await patiently('fetching mmdebstrap', report, async () => {
      await mustRun('sh', ['-c', fetch, 'sh', work], { limitMs: 180_000 })
    })
    const made = path.join(work, 'root')
    const options = [
      '--mode=root',
      '--variant=minbase',
      '--format=directory',
      `--include=${packages[name].join(',')}`,
    ]
    const mmdebstrap = [
      path.join(work, 'usr', 'bin', 'mmdebstrap'),
      ...options,
      release,
      made,
      ...(await sources()),
    ]
    await patiently('making a Debian', report, async () => {
      await rm(made, { recursive: true, force: true })
      await mustRun('perl', mmdebstrap, { limitMs: 280_000 })
    })
    await rename(made, root).catch((error: unknown) => {
      // Another run was faster: its root is as good as this one.
      if (!existsSync(root)) throw error
    })
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return root
}

/** The files in which the host says where its packages come from. */
async function sources(): Promise<string[]> {
  const further = (await readdir('/etc/apt/sources.list.d').catch(() => []))
    .filter((name) => /\.(list|sources)$/.test(name))
    .map((name) => path.join('/etc/apt/sources.list.d', name))
  const found = ['/etc/apt/sources.list', ...further]
  const sizes = await Promise.all(
    found.map(async (file) => (await stat(file).catch(() => ({ size: 0 }))).size),
  )
  return found.filter((_, i) => (sizes[i] ?? 0) > 0)
}

export interface RootCopy extends AsyncDisposable {
  readonly directory: string
  /** Runs a program in it, as root, to its end. */
  readonly run: (program: string, ...args: readonly string[]) => Promise<Ran>
}

/** A copy below the temporary directory, which goes with `await using`. */
export async function copyOf(name: DebianRoot): Promise<RootCopy> {
  const origin = await debianRoot(name)
  const directory = await mkdtemp(path.join(tmpdir(), `rcptwise-${name}-`))
  // Hundreds of megabytes: a slow disk takes minutes for them.
  await mustRun('cp', ['-a', '--reflink=auto', `${origin}/.`, directory], { limitMs: 280_000 })
  return {
    directory,
    run: async (program, ...args) =>
      await run('/usr/sbin/chroot', [directory, program, ...args], {
        limitMs: 180_000,
        env: { HOME: '/root' },
      }),
    [Symbol.asyncDispose]: async () => {
      await rm(directory, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
