/**
 * Giving up root. Started as root with `run_as`, the process acts as that user from the beginning,
 * so that everything it makes is the user's; it is root again only while it opens ports and reads
 * keys, and then never more.
 */
import { execFileSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'

export interface RunAs {
  readonly user: string
  /** Default: the user's own group. */
  readonly group?: string
}

export interface Privileges {
  /** Root can still be had, also by a process that is begun now. */
  readonly holdsRoot: boolean
  /**
   * Runs what needs root (a port below 1024, a private key) as root, if the process was started as
   * root.
   */
  asRoot<T>(action: () => Promise<T>): Promise<T>
  /**
   * From here on root can't be had any more. @throws Error when it still could; the caller must not
   * go on then.
   */
  dropForGood(): void
}

/** What of `process` is needed; tests have their own. */
export interface Credentials {
  getuid(): number
  geteuid(): number
  getegid(): number
  initgroups(user: string, extraGroup: number): void
  setgroups(groups: readonly number[]): void
  setegid(id: string | number): void
  seteuid(id: string | number): void
  setgid(id: number): void
  setuid(id: number): void
}

/** Whoever started the process is who it runs as. */
export const asStarted: Privileges = {
  holdsRoot: false,
  asRoot: async (action) => await action(),
  dropForGood: () => undefined,
}

export interface TakeUserOptions {
  /** Made, and given to the user, when it does not exist; one that exists is left as it is. */
  readonly dataDirectory: string
  readonly credentials?: Credentials
  /** Of the user, by name. */
  readonly lookUp?: (what: 'uid' | 'gid', user: string) => number
  /** Credentials of each thread, as in /proc/self/task/N/status; none where there is no /proc. */
  readonly threads?: () => readonly string[]
}

/**
 * Acts as the user from now on. Nothing changes when the process already runs as that user.
 * @throws Error when there is no such user or group, when it is root, or when another user started
 * the process.
 */
export function takeUser({ user, group }: RunAs, options: TakeUserOptions): Privileges {
  const { lookUp = lookUpUser, threads = threadStates } = options
  const own = options.credentials ?? processCredentials()
  const uid = lookUp('uid', user)
  if (uid === 0)
    throw new Error(
      `run_as: ${user} is root under another name; name a user that owns nothing else`,
    )
  if (own.getuid() !== 0) {
    if (own.geteuid() === uid) return asStarted
    throw new Error(
      `run_as: only root can become ${user}; start as root or as ${user}, or leave run_as out`,
    )
  }
  const gid = group === undefined ? lookUp('gid', user) : groupId(own, group)
  if (gid === 0)
    throw new Error(`run_as: ${user} would be in root's group; set run_as.group to another`)
  giveDirectory(options.dataDirectory, uid, gid)
  own.initgroups(user, gid)
  own.setegid(gid)
  own.seteuid(uid)
  let dropped = false
  return {
    get holdsRoot() {
      return !dropped
    },
    async asRoot(action) {
      own.seteuid(0)
      try {
        return await action()
      } finally {
        own.seteuid(uid)
      }
    },
    dropForGood() {
      own.seteuid(0)
      own.setgid(gid)
      own.setuid(uid)
      proveDropped(own, threads(), { uid, gid })
      dropped = true
    },
  }
}

/**
 * Tries to become root in each way there is, and looks at each thread: a kernel or sandbox that did
 * nothing is noticed.
 */
function proveDropped(
  own: Credentials,
  threads: readonly string[],
  { uid, gid }: { uid: number; gid: number },
): void {
  const ways: readonly (readonly [string, () => void])[] = [
    ['setuid(0)', () => own.setuid(0)],
    ['seteuid(0)', () => own.seteuid(0)],
    ['setgid(0)', () => own.setgid(0)],
    ['setegid(0)', () => own.setegid(0)],
    ['setgroups([0])', () => own.setgroups([0])],
  ]
  for (const [way, attempt] of ways) {
    if (succeeds(attempt))
      throw new Error(`run_as: ${way} still works after root was given up; not serving`)
  }
  const noCapability = '0'.repeat(16)
  const expected = [
    ['Uid:', uid, uid, uid, uid].join('\t'),
    ['Gid:', gid, gid, gid, gid].join('\t'),
    `CapPrm:\t${noCapability}`,
    `CapEff:\t${noCapability}`,
  ]
  for (const state of threads) {
    const lines = state.split('\n')
    const wrong = expected.find((line) => !lines.includes(line))
    if (wrong !== undefined)
      throw new Error(
        `run_as: a thread kept privileges (expected "${wrong}" in its /proc status); not serving`,
      )
  }
}

function succeeds(attempt: () => void): boolean {
  try {
    attempt()
    return true
  } catch {
    return false
  }
}

/**
 * A name's number is known only to the C library behind `process`, so the group is taken, read and
 * taken back.
 */
function groupId(own: Credentials, group: string): number {
  const before = own.getegid()
  try {
    own.setegid(group)
  } catch (error) {
    throw new Error(`run_as.group: there is no group ${group} on this host`, { cause: error })
  }
  const gid = own.getegid()
  own.setegid(before)
  return gid
}

function lookUpUser(what: 'uid' | 'gid', user: string): number {
  try {
    // id(1) asks all of the host's sources of users, not only /etc/passwd.
    return Number(
      execFileSync('id', [what === 'uid' ? '-u' : '-g', '--', user], {
        encoding: 'utf8',
        stdio: 'pipe',
      }),
    )
  } catch (error) {
    throw new Error(
      `run_as.user: there is no user ${user} on this host; make one (adduser --system --group ${user})`,
      {
        cause: error,
      },
    )
  }
}

function giveDirectory(directory: string, uid: number, gid: number): void {
  mkdirSync(dirname(directory), { recursive: true })
  try {
    mkdirSync(directory, { mode: 0o700 })
  } catch (error) {
    // What exists is somebody's choice, and a chown of it by root could be misused by whoever owns
    // what is above it.
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return
    throw error
  }
  chownSync(directory, uid, gid)
}

function threadStates(): readonly string[] {
  if (process.platform !== 'linux') return []
  const threads = existsSync('/proc/self/task') ? readdirSync('/proc/self/task') : []
  return threads.flatMap((thread) => {
    try {
      return [readFileSync(`/proc/self/task/${thread}/status`, 'latin1')]
    } catch {
      return [] // it ended in between
    }
  })
}

function processCredentials(): Credentials {
  // @types/node leaves initgroups out; it is documented (process.initgroups).
  const system: NodeJS.Process & { initgroups?: Credentials['initgroups'] } = process
  const { getuid, geteuid, getegid, initgroups, setgroups, setegid, seteuid, setgid, setuid } =
    system
  if (
    getuid === undefined ||
    geteuid === undefined ||
    getegid === undefined ||
    initgroups === undefined ||
    setgroups === undefined ||
    setegid === undefined ||
    seteuid === undefined ||
    setgid === undefined ||
    setuid === undefined
  ) {
    throw new Error(
      `run_as: ${process.platform} has no users that a process could change to; leave run_as out`,
    )
  }
  return { getuid, geteuid, getegid, initgroups, setgroups, setegid, seteuid, setgid, setuid }
}
