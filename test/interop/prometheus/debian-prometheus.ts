/**
 * Prometheus and promtool of Debian's package, unpacked outside the checkout; nothing is installed
 * and no service starts. Kept in $RCPTWISE_LAB, or rcptwise-lab in the user's cache directory, as
 * prometheus-VERSION.
 */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import { spawnSync } from 'node:child_process'

export type Found =
  | { readonly ok: true; readonly prometheus: string; readonly promtool: string }
  | { readonly ok: false; readonly why: string }

export async function findPrometheus(): Promise<Found> {
  if (!existsSync('/usr/bin/apt-get'))
    return { ok: false, why: 'this is not Debian: there is no apt-get' }
  try {
    let version = candidate()
    if (version === undefined) {
      say('apt-get', ['-q', 'update'])
      version = candidate()
    }
    if (version === undefined) return { ok: false, why: 'apt knows no package prometheus' }
    const root = path.join(labDirectory(), `prometheus-${version.replaceAll(':', '%3a')}`)
    if (!existsSync(root)) await unpackInto(root)
    const bin = path.join(root, 'usr', 'bin')
    return {
      ok: true,
      prometheus: path.join(bin, 'prometheus'),
      promtool: path.join(bin, 'promtool'),
    }
  } catch (error) {
    return { ok: false, why: error instanceof Error ? error.message : String(error) }
  }
}

function labDirectory(): string {
  const cache = process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache')
  return process.env['RCPTWISE_LAB'] ?? path.join(cache, 'rcptwise-lab')
}

function candidate(): string | undefined {
  const version = /Candidate: (\S+)/.exec(say('apt-cache', ['policy', 'prometheus']))?.[1]
  return version === '(none)' ? undefined : version
}

async function unpackInto(root: string): Promise<void> {
  await mkdir(labDirectory(), { recursive: true })
  const work = await mkdtemp(path.join(labDirectory(), '.building-prometheus-'))
  try {
    try {
      say('apt-get', ['-q', 'download', 'prometheus'], work)
    } catch {
      // The lists may be older than the archive: the version they name is gone then.
      say('apt-get', ['-q', 'update'])
      say('apt-get', ['-q', 'download', 'prometheus'], work)
    }
    const archive = (await readdir(work)).find((name) => name.endsWith('.deb'))
    if (archive === undefined) throw new Error('apt-get download prometheus gave no file')
    const built = path.join(work, 'root')
    say('dpkg', ['-x', path.join(work, archive), built])
    await rename(built, root).catch((error: unknown) => {
      // Another run was faster: its root is as good as this one.
      if (!existsSync(root)) throw error
    })
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

function say(program: string, args: readonly string[], cwd = '/'): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    timeout: 240_000,
    env: { ...process.env, LC_ALL: 'C' },
  })
  if (status !== 0)
    throw new Error(`${program} ${args.join(' ')} failed: ${error?.message ?? stderr}`)
  return stdout
}
