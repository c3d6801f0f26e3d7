/**
 * Giving up root, against a kernel in miniature; the real one is in
 * test/interop/systemd/run-as.test.ts, which needs root.
 */
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Credentials, takeUser } from '../../src/service/user.ts'

const uid = process.getuid?.() ?? 0
const own = { uid: uid === 0 ? 901 : uid, gid: uid === 0 ? 902 : (process.getgid?.() ?? 0) }
const user = 'rcptwise'

/** Real, effective and saved ids, as setuid(2) and its relatives treat them. */
class Kernel implements Credentials {
  readonly log: string[] = []
  uids = { real: 0, effective: 0, saved: 0 }
  gids = { real: 0, effective: 0, saved: 0 }
  /** Numbers of the groups by name. */
  readonly groups: ReadonlyMap<string, number>
  /** Calls that seem to work and do nothing. */
  readonly broken: ReadonlySet<string>

  constructor(
    options: {
      broken?: readonly string[]
      groups?: Readonly<Record<string, number>>
      uid?: number
    } = {},
  ) {
    this.broken = new Set(options.broken)
    this.groups = new Map(Object.entries(options.groups ?? {}))
    const start = options.uid ?? 0
    this.uids = { real: start, effective: start, saved: start }
  }
  getuid = (): number => this.uids.real
  geteuid = (): number => this.uids.effective
  getegid = (): number => this.gids.effective
  initgroups = (name: string, group: number): void =>
    this.#privileged(`initgroups(${name}, ${group})`)
  setgroups = (groups: readonly number[]): void => this.#privileged(`setgroups(${groups.join()})`)
  setegid = (id: string | number): void => {
    const gid = typeof id === 'string' ? this.groups.get(id) : id
    if (gid === undefined) throw new Error('Group identifier does not exist')
    if (this.uids.effective !== 0 && gid !== this.gids.real && gid !== this.gids.saved)
      throw new Error('EPERM')
    this.log.push(`setegid(${id})`)
    this.gids = { ...this.gids, effective: gid }
  }
  seteuid = (id: string | number): void => {
    const to = Number(id)
    if (this.uids.effective !== 0 && to !== this.uids.real && to !== this.uids.saved)
      throw new Error('EPERM')
    this.log.push(`seteuid(${id})`)
    this.uids = { ...this.uids, effective: to }
  }
  setgid = (id: number): void => {
    if (this.uids.effective !== 0 && id !== this.gids.real && id !== this.gids.saved)
      throw new Error('EPERM')
    this.log.push(`setgid(${id})`)
    if (!this.broken.has('setgid')) this.gids = { real: id, effective: id, saved: id }
  }
  setuid = (id: number): void => {
    if (this.uids.effective !== 0 && id !== this.uids.real && id !== this.uids.saved)
      throw new Error('EPERM')
    this.log.push(`setuid(${id})`)
    if (!this.broken.has('setuid')) this.uids = { real: id, effective: id, saved: id }
  }
  #privileged(call: string): void {
    if (this.uids.effective !== 0) throw new Error('EPERM')
    this.log.push(call)
  }
}

const dropped = (ids = own): string =>
  `Uid:\t${ids.uid}\t${ids.uid}\t${ids.uid}\t${ids.uid}\nGid:\t${ids.gid}\t${ids.gid}\t${ids.gid}\t${ids.gid}\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n`
const lookUp = (what: 'uid' | 'gid'): number => own[what]

describe('run_as', () => {
  let parent = ''
  let dataDirectory = ''
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'rcptwise-user-'))
    dataDirectory = join(parent, 'below', 'data')
  })
  afterEach(() => rmSync(parent, { recursive: true }))

  test('acts as the user at once, as root only when asked, and then never more', async () => {
    const kernel = new Kernel()
    const privileges = takeUser(
      { user },
      { dataDirectory, credentials: kernel, lookUp, threads: () => [dropped()] },
    )
    expect(kernel.geteuid()).toBe(own.uid)
    expect(await privileges.asRoot(async () => await Promise.resolve(kernel.geteuid()))).toBe(0)
    expect(kernel.geteuid()).toBe(own.uid)
    await expect(
      privileges.asRoot(async () => await Promise.reject(new Error('EADDRINUSE'))),
    ).rejects.toThrow('EADDRINUSE')
    expect(kernel.geteuid()).toBe(own.uid)
    // No other process is begun until then.
    expect(privileges.holdsRoot).toBe(true)
    privileges.dropForGood()
    expect(privileges.holdsRoot).toBe(false)
    expect(kernel.uids).toEqual({ real: own.uid, effective: own.uid, saved: own.uid })
    expect(kernel.gids).toEqual({ real: own.gid, effective: own.gid, saved: own.gid })
    // The groups go first: a user may not change them.
    expect(kernel.log.slice(0, 2)).toEqual([
      `initgroups(${user}, ${own.gid})`,
      `setegid(${own.gid})`,
    ])
    expect(kernel.log.slice(-3)).toEqual(['seteuid(0)', `setgid(${own.gid})`, `setuid(${own.uid})`])
  })

  test('makes the data directory for the user, and leaves one that is there alone', () => {
    const take = () =>
      takeUser({ user }, { dataDirectory, credentials: new Kernel(), lookUp, threads: () => [] })
    take()
    expect(statSync(dataDirectory)).toMatchObject({ uid: own.uid, gid: own.gid })
    expect(statSync(dataDirectory).mode & 0o777).toBe(0o700)
    const { ctimeMs } = statSync(dataDirectory)
    take()
    expect(statSync(dataDirectory).ctimeMs).toBe(ctimeMs)
  })

  test('a group of its own is looked up by name', () => {
    const kernel = new Kernel({ groups: { mail: own.gid } })
    takeUser(
      { user, group: 'mail' },
      { dataDirectory, credentials: kernel, lookUp, threads: () => [dropped()] },
    ).dropForGood()
    expect(kernel.gids.real).toBe(own.gid)
  })

  test('already that user: nothing changes', async () => {
    const kernel = new Kernel({ uid: own.uid })
    const privileges = takeUser(
      { user },
      { dataDirectory, credentials: kernel, lookUp, threads: () => [] },
    )
    expect(await privileges.asRoot(async () => await Promise.resolve('done'))).toBe('done')
    expect(privileges.holdsRoot).toBe(false)
    privileges.dropForGood()
    expect(kernel.log).toEqual([])
    expect(existsSync(dataDirectory)).toBe(false)
  })

  test.each([
    [
      'another user started it',
      { user },
      { kernel: new Kernel({ uid: 77 }), words: 'only root can become rcptwise' },
    ],
    [
      "root's group",
      { user, group: 'wheel' },
      { kernel: new Kernel({ groups: { wheel: 0 } }), words: "root's group" },
    ],
    [
      'an unknown group',
      { user, group: 'gone' },
      { kernel: new Kernel(), words: 'no group gone on this host' },
    ],
  ] as const)('%s is refused', (_, runAs, { kernel, words }) => {
    const options = { dataDirectory, credentials: kernel, lookUp, threads: () => [] }
    expect(() => takeUser(runAs, options)).toThrow(words)
  })

  test('root under another name is refused', () => {
    const options = { dataDirectory, credentials: new Kernel(), lookUp: () => 0, threads: () => [] }
    expect(() => takeUser({ user: 'toor' }, options)).toThrow('toor is root under another name')
  })

  test('a user that the host does not have is refused by name', () => {
    const take = () =>
      takeUser({ user: 'rcptwise-nobody-has-it' }, { dataDirectory, credentials: new Kernel() })
    expect(take).toThrow('there is no user rcptwise-nobody-has-it on this host')
  })

  test.each([
    ['setuid does nothing', ['setuid'], [dropped()], 'setuid(0) still works'],
    ['setgid does nothing', ['setgid'], [dropped()], 'setgid(0) still works'],
    [
      'one thread is still root',
      [],
      [dropped(), dropped({ uid: 0, gid: 0 })],
      'a thread kept privileges',
    ],
    [
      'a capability is left',
      [],
      [dropped().replace('CapPrm:\t0000000000000000', 'CapPrm:\t0000000000000400')],
      'CapPrm',
    ],
  ] as const)('%s: it does not serve', (_, broken, threads, words) => {
    const credentials = new Kernel({ broken })
    const privileges = takeUser(
      { user },
      { dataDirectory, credentials, lookUp, threads: () => threads },
    )
    expect(() => privileges.dropForGood()).toThrow(words)
  })
})
