/**
 * Haraka from npm, for the tests alone: it has a package.json and a lock file of its own
 * (`haraka/`), so that none of its packages is among Rcptwise's. Kept beside the Debian packages,
 * as haraka-VERSION-DIGEST of the lock file: another lock file makes a new one.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { labDirectory, patiently } from './packages.ts'
import { mustRun } from './run.ts'

const manifests = path.join(import.meta.dirname, 'haraka')

/**
 * The directory that holds Haraka's `node_modules`, installed when it is missing: half a minute
 * with the network, then nothing. Rejects with what npm said when it can't be had. `report` is told
 * about slow steps.
 */
export async function harakaRoot(
  report: (line: string) => void = () => undefined,
): Promise<string> {
  const lock = await readFile(path.join(manifests, 'package-lock.json'))
  const { packages } = JSON.parse(lock.toString()) as {
    packages: Record<string, { version?: string }>
  }
  const version = packages['node_modules/Haraka']?.version ?? 'unknown'
  const digest = createHash('sha256').update(lock).digest('hex').slice(0, 12)
  const root = path.join(labDirectory(), `haraka-${version}-${digest}`)
  if (existsSync(root)) return root
  report(`haraka ${version}: npm ci into ${labDirectory()}`)
  await mkdir(labDirectory(), { recursive: true })
  const work = await mkdtemp(path.join(labDirectory(), '.building-haraka-'))
  try {
    for (const name of ['package.json', 'package-lock.json'])
      await copyFile(path.join(manifests, name), path.join(work, name))
    await patiently('npm ci', report, async () => await npmCi(work))
    await rename(work, root).catch((error: unknown) => {
      // Another run was faster: its root is as good as ours.
      if (!existsSync(root)) throw error
    })
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return root
}

/**
 * Without the optional plugins, none of which is used here, and without anybody's install scripts.
 */
async function npmCi(directory: string): Promise<void> {
  const choices = [
    '--omit=dev',
    '--omit=optional',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ]
  // npm's own settings (registry, certificates, cache) are in the environment and in the home
  // directory.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([, value]) => value !== undefined),
  )
  await mustRun('npm', ['ci', '--prefix', directory, ...choices], {
    env: env as Record<string, string>,
    limitMs: 240_000,
  })
}
