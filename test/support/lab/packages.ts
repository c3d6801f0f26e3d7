/**
 * The programs of Debian packages, unpacked into a root directory per package set and kept between
 * runs. The mail servers' packages conflict with one another, so each gets a root of its own with
 * every library it needs; nothing is installed, no maintainer script runs.
 *
 * Kept in $RCPTWISE_LAB, or ~/.cache/rcptwise-lab, as NAME-VERSION-RECIPE: a newer package makes a
 * new root.
 */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, symlink } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { mustRun, run } from './run.ts'

/** The first package of a set gives the root its version. */
const packageSets = {
  exim: ['exim4-daemon-light'],
  'exim-heavy': ['exim4-daemon-heavy'],
  postfix: ['postfix'],
  nullmailer: ['nullmailer'],
  sendmail: ['sendmail-bin', 'sendmail-cf', 'm4'],
  opensmtpd: ['opensmtpd', 'dash'],
  courier: ['courier-mta', 'dash', 'coreutils'],
  dma: ['dma'],
  msmtp: ['msmtp'],
  dovecot: ['dovecot-lmtpd'],
  'dovecot-sieve': ['dovecot-lmtpd', 'dovecot-sieve'],
  swaks: ['swaks', 'libnet-ssleay-perl'],
  haproxy: ['haproxy'],
  dnsmasq: ['dnsmasq-base'],
  redis: ['redis-server'],
  slapd: ['slapd'],
  postgresql: ['postgresql-15', 'dash', 'coreutils'],
  mariadb: ['mariadb-server-core', 'mariadb-client-core', 'dash', 'coreutils'],
  testssl: ['testssl.sh'],
  podman: [
    'podman',
    'crun',
    'podman-compose',
    'golang-github-containernetworking-plugin-dnsname',
    'mount',
    'iproute2',
    'dash',
    'coreutils',
    'tar',
  ],
  rspamd: ['rspamd'],
  spamd: ['spamd'],
  opendkim: ['opendkim'],
  opendmarc: ['opendmarc'],
  clamav: ['clamav-milter', 'clamav-daemon'],
  'python-milter': ['python3-milter'],
  chromium: ['chromium', 'fonts-dejavu-core'],
  zsh: ['zsh'],
  fish: ['fish'],
  go: ['golang-go', 'golang-github-masterminds-sprig-dev'],
} as const

/** Hears of what takes long or goes wrong, a line each. */
export type Report = (line: string) => void

/**
 * Counts changes in how a root is made from the packages, so that an older one is not taken for it.
 */
const recipe = 2

export type PackageSet = keyof typeof packageSets
export const packageSetNames = Object.keys(packageSets) as readonly PackageSet[]

/** Where programs are kept between runs. */
export const labDirectory = (): string =>
  process.env['RCPTWISE_LAB'] ?? path.join(homedir(), '.cache', 'rcptwise-lab')

/**
 * The root directory of a package set, which is made when it is missing: a minute with the network,
 * then nothing. It holds `usr` and is never written to; `place.ts` makes a copy to run in. `report`
 * is told about slow steps.
 */
export async function packageRoot(
  set: PackageSet,
  report: Report = () => undefined,
): Promise<string> {
  const asked = roots.get(set)
  if (asked !== undefined) return await asked
  const root = findOrBuild(set, report)
  roots.set(set, root)
  return await root
}

/** Looked up once a process: apt takes half a second to say its versions. */
const roots = new Map<PackageSet, Promise<string>>()

async function findOrBuild(set: PackageSet, report: Report): Promise<string> {
  let version = await candidateVersion(set)
  if (version === undefined) {
    await updateLists(report)
    candidates = undefined
    version = await candidateVersion(set)
  }
  if (version === undefined)
    throw new Error(`apt knows no package ${packageSets[set][0]}: check the package sources`)
  const root = path.join(labDirectory(), `${set}-${version.replaceAll(':', '%3a')}-${recipe}`)
  if (existsSync(root)) return root
  report(`${set} ${version}: fetching and unpacking into ${labDirectory()}`)
  await buildRoot(set, root, report)
  return root
}

async function candidateVersion(set: PackageSet): Promise<string | undefined> {
  candidates ??= askCandidates()
  return (await candidates).get(packageSets[set][0])
}

async function askCandidates(): Promise<ReadonlyMap<string, string>> {
  const names = Object.values(packageSets).map(([first]) => first)
  const { stdout } = await run('apt-cache', ['policy', ...names])
  const found = stdout.matchAll(/^(\S+):\n(?: .*\n)*? +Candidate: (\d\S*)/gm)
  return new Map([...found].map(([, name = '', version = '']) => [name, version]))
}

async function buildRoot(set: PackageSet, root: string, report: Report): Promise<void> {
  await mkdir(labDirectory(), { recursive: true })
  const work = await mkdtemp(path.join(labDirectory(), `.building-${set}-`))
  try {
    const archives = path.join(work, 'archives')
    await mkdir(path.join(archives, 'partial'), { recursive: true })
    await fetchPackages(packageSets[set], work, report)
    const built = path.join(work, 'root')
    for (const directory of ['bin', 'lib', 'lib64', 'sbin']) {
      await mkdir(path.join(built, 'usr', directory), { recursive: true })
      await symlink(`usr/${directory}`, path.join(built, directory))
    }
    for (const file of await readdir(archives)) {
      if (file.endsWith('.deb')) await unpack(set, path.join(archives, file), built)
    }
    await rename(built, root).catch((error: unknown) => {
      // Another run was faster: its root is as good as ours.
      if (!existsSync(root)) throw error
    })
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/**
 * Fetches the packages and all that they depend on. An empty status file makes apt take nothing for
 * installed, so that the root is complete whatever the host has.
 */
async function fetchPackages(
  packages: readonly string[],
  work: string,
  report: Report,
): Promise<void> {
  await mustRun('touch', [path.join(work, 'status')])
  const options = [
    `Dir::State::status=${path.join(work, 'status')}`,
    `Dir::Cache::archives=${path.join(work, 'archives')}/`,
    'Debug::NoLocking=1',
    'APT::Sandbox::User=root',
    'Acquire::Retries=3',
  ]
  const args = [
    '-q',
    '-y',
    '--no-install-recommends',
    '--download-only',
    ...options.flatMap((option) => ['-o', option]),
  ]
  const fetch = async (): Promise<unknown> =>
    await mustRun('apt-get', [...args, 'install', ...packages], { limitMs: 300_000 })
  try {
    await fetch()
  } catch (error) {
    report(`${packages.join(', ')} could not be fetched, now with new lists: ${lastLine(error)}`)
    // The lists may be older than the archive: the versions they name are gone then.
    await updateLists(report)
    await patiently(`fetching ${packages.join(', ')}`, report, fetch)
  }
}

const updateLists = async (report: Report): Promise<void> => {
  report('apt-get update')
  // Without the option a list that could not be fetched is a warning.
  const args = ['-q', '-o', 'APT::Update::Error-Mode=any', 'update']
  await patiently(
    'apt-get update',
    report,
    async () => await mustRun('apt-get', args, { limitMs: 180_000 }),
  )
}

/**
 * A mirror may be slow or away for a moment: three attempts in all, and each that fails is told.
 */
export async function patiently(
  what: string,
  report: Report,
  attempt: () => Promise<unknown>,
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await attempt()
      return
    } catch (error) {
      const why = lastLine(error)
      if (tries === 3)
        throw new Error(`${what} failed three times, at last with: ${why}`, { cause: error })
      report(`${what} failed, attempt ${tries} of 3: ${why}`)
      await sleep(tries * 5000)
    }
  }
}

const lastLine = (error: unknown): string => String(error).trimEnd().split('\n').at(-1) ?? ''

/** What no program of the lab reads; perl, thousands of files, only two need. */
const unneeded = ['doc', 'man', 'locale', 'i18n', 'info', 'lintian', 'zoneinfo'].map(
  (name) => `./usr/share/${name}`,
)
const perl = ['./usr/share/perl*', './usr/lib/*/perl*']

async function unpack(set: PackageSet, archive: string, root: string): Promise<void> {
  const inPerl = set === 'swaks' || set === 'spamd'
  const excluded = [...unneeded, ...(inPerl ? [] : perl)].map((name) => `--exclude=${name}`)
  const tar = 'dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2" "${@:3}"'
  await mustRun('bash', ['-o', 'pipefail', '-c', tar, 'unpack', archive, root, ...excluded])
}
let candidates: Promise<ReadonlyMap<string, string>> | undefined
