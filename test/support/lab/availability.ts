/**
 * Whether real mail servers can run here, and if not, why. They are unpacked from Debian packages
 * and run in a root directory of their own, so it takes Debian's apt and the rights of root;
 * nothing is installed on the host.
 */
import { accessSync, constants, readFileSync } from 'node:fs'

/** Programs of the host that the lab starts; all of them are in packages that every Debian has. */
const hostPrograms = [
  '/usr/bin/apt-get',
  '/usr/bin/apt-cache',
  '/usr/bin/dpkg-deb',
  '/usr/bin/setpriv',
  '/usr/sbin/chroot',
]

/**
 * A reason in this environment variable turns the interop tests off; `npm test` sets it when the
 * packages can't be had.
 */
export const obstacleVariable = 'RCPTWISE_NO_INTEROP'

/** The same for the tests with Haraka alone, which comes from npm. */
export const harakaObstacleVariable = 'RCPTWISE_NO_HARAKA'

/** The reason why the tests with Haraka can't run here; undefined when they can. */
export function harakaObstacle(): string | undefined {
  const told = process.env[harakaObstacleVariable]
  return interopObstacle() ?? (told === undefined || told === '' ? undefined : told)
}

/** The reason why the interop tests can't run here, in a few words; undefined when they can. */
export function interopObstacle(): string | undefined {
  const told = process.env[obstacleVariable]
  if (told !== undefined && told !== '') return told
  if (process.platform !== 'linux')
    return `real mail servers need Debian, this is ${process.platform}`
  if (!isDebian()) return 'real mail servers need Debian, this is another Linux'
  if (process.getuid?.() !== 0)
    return 'real mail servers need root (chroot, mail users), this is an ordinary user'
  const missing = hostPrograms.find((path) => !isExecutable(path))
  return missing === undefined ? undefined : `${missing} is missing`
}

function isDebian(): boolean {
  try {
    return /^ID=debian$/m.test(readFileSync('/etc/os-release', 'utf8'))
  } catch {
    return false
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
