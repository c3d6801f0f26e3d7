// Installs the locked dependencies when they are missing or older than the lock file. Plain
// JavaScript for Node 20, because it runs before the pinned Node is there; npm then puts that one
// first on the PATH of its scripts.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

/**
 * The packages a lock file names, with their versions, without what npm adds to the copy it keeps.
 */
function lockedVersions(file) {
  if (!existsSync(file)) return undefined
  const { packages } = JSON.parse(readFileSync(file, 'utf8'))
  return new Map(
    Object.entries(packages)
      .filter(([path]) => path !== '')
      .map(([path, entry]) => [path, entry]),
  )
}

const wanted = lockedVersions('package-lock.json')
const installed = lockedVersions('node_modules/.package-lock.json')
const complete =
  installed !== undefined &&
  [...wanted].every(
    ([path, entry]) => entry.optional === true || installed.get(path)?.version === entry.version,
  )

if (!complete) {
  process.stderr.write('Installing what package-lock.json names (npm ci) ...\n')
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    stdio: ['ignore', 2, 2],
  })
  process.exit(status ?? 1)
}
