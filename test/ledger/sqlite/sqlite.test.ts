/** The SQLite ledger: its contract, and what a file can suffer. */
import { spawn, spawnSync, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import {
  chmod,
  mkdtemp,
  open as openFile,
  readdir,
  readFile,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Readable } from 'node:stream'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Fact } from '../../../src/facts/fact.ts'
import type { Ledger } from '../../../src/ledger/ledger.ts'
import { openSqliteLedger, type SqliteLedgerOptions } from '../../../src/ledger/sqlite/sqlite.ts'
import { contend, contendedId, winsEach } from '../contention.ts'
import { describeLedger } from '../ledger.contract.ts'
import {
  changed,
  closed,
  ids,
  manyRecipients,
  minute,
  recipientOf,
  splitOf,
  start,
} from '../splits.ts'

let directory: string
let path: string
let facts: Fact[]
let ends: (() => Promise<unknown>)[]

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rcptwise-ledger-'))
  path = join(directory, 'ledger.db')
  facts = []
  ends = []
})
afterEach(async () => {
  for (const end of ends.toReversed()) await end()
  await rm(directory, { recursive: true, force: true })
})

async function open(options: Partial<SqliteLedgerOptions> = {}): Promise<Ledger> {
  const ledger = await openSqliteLedger({
    path,
    onFact: (fact) => facts.push(fact),
    clock: () => start,
    retryMs: 100,
    ...options,
  })
  ends.push(async () => {
    await ledger.close()
  })
  return ledger
}

/** A connection of somebody else, such as an operator with sqlite3. */
function otherConnection(): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 5000 })
  ends.push(async () => {
    if (database.isOpen) database.close()
    await Promise.resolve()
  })
  return database
}

interface ChildOptions {
  readonly uid?: number
}

function startChild(
  script: string,
  argument: string,
  options: ChildOptions = {},
): ChildProcessByStdio<null, Readable, null> {
  const file = join(import.meta.dirname, '..', 'children', script)
  const child = spawn(process.execPath, [file, argument], {
    stdio: ['ignore', 'pipe', 'inherit'],
    ...options,
  })
  ends.push(async () => await Promise.resolve(child.kill('SIGKILL')))
  return child
}

/** What a child says, until it ends by itself. */
async function run(script: string, argument: string, options: ChildOptions = {}): Promise<string> {
  const child = startChild(script, argument, options)
  const output: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  const [code] = (await once(child, 'close')) as [number | null]
  expect(code).toBe(0)
  return Buffer.concat(output).toString()
}

const kinds = (): string[] => facts.map((fact) => fact.kind)
const troubles = (): string[] =>
  facts.flatMap((fact) => (fact.kind === 'ledgerTrouble' ? [fact.why] : []))
const until = async (check: () => void): Promise<void> => {
  await vi.waitFor(check, { timeout: 15_000, interval: 20 })
}
const recall = async (ledger: Ledger): Promise<string[]> =>
  ids(await ledger.recall('sender@example.net', 'a@example.org'))

describeLedger('SQLite', async () => {
  const clock = { now: start }
  const at = await mkdtemp(join(tmpdir(), 'rcptwise-ledger-'))
  const opened: Ledger[] = []
  const another = async (): Promise<Ledger> => {
    const options = { path: join(at, 'ledger.db'), onFact: () => undefined, clock: () => clock.now }
    const ledger = await openSqliteLedger(options)
    opened.push(ledger)
    return ledger
  }
  const end = async (): Promise<void> => {
    for (const ledger of opened) await ledger.close()
    await rm(at, { recursive: true })
  }
  return { ledger: await another(), clock, another, end }
})

describeLedger('SQLite without a file', async () => {
  const clock = { now: start }
  const ledger = await openSqliteLedger({
    path: ':memory:',
    onFact: () => undefined,
    clock: () => clock.now,
  })
  const end = async (): Promise<void> => {
    await ledger.close()
  }
  return { ledger, clock, another: async () => await Promise.resolve(ledger), end }
})

describe('a file', () => {
  test('is kept over a restart, with everything in it', async () => {
    const ledger = await open()
    expect(ledger.durable).toBe(true)
    await ledger.save(splitOf('it'))
    await ledger.setOverride({ peer: 'bulk', strategy: 'off', setAt: start, by: 'admin' })
    await ledger.close()
    const again = await open()
    expect(await recall(again)).toEqual(['it'])
    expect(again.overrides()).toHaveLength(1)
    expect(facts).toEqual([])
  })

  test('is made, with the directory it stands in', async () => {
    path = join(directory, 'new', 'deep', 'ledger.db')
    const ledger = await open()
    expect(ledger.durable).toBe(true)
    expect(await ledger.save(splitOf('it'))).toEqual({ saved: true })
  })

  test('is for its own user only, as is its log', async () => {
    await open()
    for (const name of await readdir(directory))
      expect((await stat(join(directory, name))).mode & 0o077).toBe(0)
  })

  test('of a newer release is refused and left alone', async () => {
    await (await open()).close()
    const other = otherConnection()
    other.exec('pragma user_version = 99')
    await expect(open()).rejects.toThrow(/schema 99.*schemas up to \d+: run the newer release/)
    expect(other.prepare('pragma user_version').get()).toEqual({ user_version: 99 })
  })

  test('of another program is refused and left alone', async () => {
    otherConnection().exec('create table songs (title text)')
    await expect(open()).rejects.toThrow(/not a ledger/)
  })

  test('has everything that was saved before a SIGKILL', async () => {
    const child = startChild('save-and-wait.ts', path)
    const [output] = (await once(child.stdout, 'data')) as [Buffer]
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(output.toString()).toBe('saved\n')
    const ledger = await open()
    expect(await recall(ledger)).toEqual(['small'])
    expect(ids(await ledger.recall('sender@example.net', 'user999@example.org'))).toEqual(['large'])
  })

  test('shared by two processes has every save of both, and one winner a version', async () => {
    const ledger = await open()
    await ledger.save(splitOf(contendedId))
    const [theirs] = await Promise.all([run('contend.ts', path), contend(ledger, 'ours')])
    expect(theirs).toBe('')
    expect((await ledger.find(contendedId))?.version).toBe(1 + 2 * winsEach)
    expect(await ledger.countOpen()).toEqual([
      { peer: 'default', strategy: 'group', count: 1 + 2 * winsEach },
    ])
    expect(facts).toEqual([])
  })

  test("shows another process's overrides within a second", async () => {
    const [ledger, other] = [await open(), await open()]
    await other.setOverride({ peer: 'bulk', strategy: 'off', setAt: start, by: 'admin' })
    await until(() => {
      expect(ledger.overrides()).toHaveLength(1)
    })
  })

  test('has a log that is emptied while writes go on', async () => {
    const ledger = await open()
    let [split, largest] = [splitOf('it'), 0]
    await ledger.save(split)
    for (let n = 0; n < 10_000; n += 1) {
      split = changed(split, { messageId: `${n} `.repeat(5000) })
      await ledger.save(split)
      if (n % 50 === 0) {
        largest = Math.max(largest, (await stat(`${path}-wal`)).size)
        await nextTurn()
      }
    }
    // All of it together is more than 240 MiB.
    expect(largest).toBeLessThan(160 * 1024 * 1024)
    expect(facts).toEqual([])
  })
})

describe('a file in trouble', () => {
  /** Takes most of the room that `maxFileBytes` leaves, until it is dropped. */
  async function openAlmostFull(): Promise<{
    readonly ledger: Ledger
    readonly makeRoom: () => void
  }> {
    await (await open()).close()
    const other = otherConnection()
    other.exec('create table filler (x); insert into filler values (zeroblob(1000000))')
    other.exec('pragma wal_checkpoint(truncate)')
    const ledger = await open({ maxFileBytes: 1_150_000 })
    return {
      ledger,
      makeRoom: () => {
        other.exec('drop table filler')
      },
    }
  }

  test('because it is full: nothing is lost, and all of it is written once there is room', async () => {
    const { ledger, makeRoom } = await openAlmostFull()
    await ledger.save(splitOf('first'))
    let count = 0
    while (ledger.durable && count < 5000)
      expect(await ledger.save(splitOf(`s${count++}`))).toEqual({ saved: true })
    expect(ledger.durable).toBe(false)
    expect(await ledger.save(changed(splitOf('first'), { idleAttempts: 7 }))).toEqual({
      saved: true,
    })
    expect(await ledger.save(closed(splitOf('s0'), start))).toEqual({ saved: true })
    ledger.senders.change({ name: 'a.example', at: start, counts: { deferred: 4 } })
    await ledger.senders.flush()
    expect(ledger.senders.find('a.example')?.counts).toEqual({ deferred: 4 })
    await ledger.setOverride({ peer: 'bulk', strategy: 'off', setAt: start, by: 'admin' })
    expect(await ledger.openSplits(10_000)).toHaveLength(count)
    expect(troubles()).toEqual([
      expect.stringMatching(/ledger\.db: .*full; splits are kept in memory/),
    ])
    makeRoom()
    await until(() => {
      expect(ledger.durable).toBe(true)
    })
    expect(kinds()).toEqual(['ledgerTrouble', 'ledgerRecovered'])
    await ledger.close()
    const again = await open()
    expect(await again.openSplits(10_000)).toHaveLength(count)
    expect((await again.find('first'))?.idleAttempts).toBe(7)
    expect(again.senders.find('a.example')?.counts).toEqual({ deferred: 4 })
    expect((await again.find('s0'))?.status).toBe('completed')
    expect(again.overrides()).toHaveLength(1)
  })

  test('while a split of 1000 recipients is being written: it is saved all the same', async () => {
    const { ledger } = await openAlmostFull()
    for (let n = 0; ledger.durable && n < 100; n += 1) {
      const split = splitOf(`large${n}`, { recipients: manyRecipients(1000, n * 1000) })
      expect(await ledger.save(split)).toEqual({ saved: true })
      expect(
        await ledger.recall('sender@example.net', `user${n * 1000 + 999}@example.org`),
      ).toEqual([split])
    }
    expect(ledger.durable).toBe(false)
  })

  test.skipIf(!canMount())('because its disk is full (a real one of 2 MiB)', () => {
    const mountAndRun = 'mount -t tmpfs -o size=2m tmpfs "$0" && exec "$@"'
    const script = join(import.meta.dirname, '..', 'children', 'full-disk.ts')
    const all = [process.execPath, script, directory]
    const { stdout, status } = spawnSync(
      'unshare',
      ['-m', 'sh', '-c', mountAndRun, directory, ...all],
      {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
        timeout: 15_000,
      },
    )
    expect({ status, ...(JSON.parse(stdout) as object) }).toEqual({
      status: 0,
      kinds: ['ledgerTrouble', 'ledgerRecovered'],
      unsaved: 0,
      missingWhileFull: 0,
      missingAfterwards: 0,
      changed: 2,
    })
  })

  test('because it may only be read: what it holds is known, and what is new is kept', async () => {
    const ledger = await open()
    await ledger.save(splitOf('old'))
    await ledger.close()
    await chmod(path, 0o444)
    await chmod(directory, 0o555)
    // Root may write anywhere.
    const nobody = process.getuid?.() === 0 ? { uid: 65534 } : {}
    expect(JSON.parse(await run('read-only.ts', path, nobody))).toEqual({
      durable: false,
      kinds: ['ledgerTrouble'],
      before: ['old'],
      saved: true,
      after: ['old', 'new'],
    })
    await chmod(directory, 0o755)
  })

  test('because it was deleted: what it held is written into a new one', async () => {
    const ledger = await open()
    await ledger.save(splitOf('old'))
    await ledger.setOverride({ peer: 'bulk', strategy: 'off', setAt: start, by: 'admin' })
    for (const name of await readdir(directory)) await rm(join(directory, name))
    await until(() => {
      expect(kinds()).toEqual(['ledgerTrouble', 'ledgerRecovered'])
    })
    expect(troubles()[0]).toContain('was deleted or replaced while in use')
    await ledger.save(splitOf('new'))
    await ledger.close()
    const again = await open()
    expect(ids(await again.openSplits(10))).toEqual(['old', 'new'])
    expect(again.overrides()).toHaveLength(1)
  })

  test('because it is no database: it is set aside, and a new one begun', async () => {
    await writeFile(path, 'not a database, but somebody may want to look at it\n'.repeat(100))
    const ledger = await open()
    expect(ledger.durable).toBe(true)
    expect(await ledger.save(splitOf('it'))).toEqual({ saved: true })
    expect(kinds()).toEqual(['ledgerTrouble', 'ledgerRecovered'])
    const aside =
      (await readdir(directory)).find((name) => name.startsWith('ledger.db.corrupt-')) ?? ''
    expect(troubles()[0]).toContain(aside)
    expect(await readFile(join(directory, aside), 'utf8')).toContain('somebody may want to look')
  })

  test('because pages of it are damaged: that is found at the start', async () => {
    const ledger = await open()
    for (let n = 0; n < 500; n += 1) await ledger.save(splitOf(`s${n}`))
    await ledger.close()
    await overwrite(8)
    const again = await open()
    expect(again.durable).toBe(true)
    expect(await again.openSplits(10)).toEqual([])
    expect(kinds()).toEqual(['ledgerTrouble', 'ledgerRecovered'])
  })

  describe('because pages of a large file are damaged, which is found behind the start', () => {
    const large = { checkedAtStartBytes: 0, checkAfterMs: 0 } as const
    const damage = async (): Promise<void> => {
      const ledger = await open()
      await ledger.save(splitOf('first'))
      await ledger.save(splitOf('last'))
      await ledger.close()
      const database = otherConnection()
      // An index that has not what its table has: nobody who reads splits meets it.
      database.exec('create table other (a); create index by_a on other (a)')
      database.exec("insert into other values ('x'), ('y')")
      const page = Number(
        database.prepare("select rootpage from sqlite_schema where name = 'by_a'").get()?.[
          'rootpage'
        ],
      )
      database.close()
      await overwrite(page - 1, page)
    }

    test('it is set aside, mail is taken all the time, and the ledger goes on in a new one', async () => {
      await damage()
      const ledger = await open(large)
      expect(ledger.durable).toBe(true)
      let saved = 0
      while (!kinds().includes('ledgerRecovered')) {
        expect(await ledger.save(splitOf(`new${saved}`))).toEqual({ saved: true })
        saved += 1
        await sleep(1)
      }
      expect(kinds()).toEqual(['ledgerTrouble', 'ledgerRecovered'])
      const names = await readdir(directory)
      expect(names.filter((name) => name.startsWith('ledger.db.corrupt-'))).toHaveLength(1)
      for (let n = 0; n < saved; n += 1) expect(await ledger.find(`new${n}`)).toBeDefined()
      await ledger.close()
      facts = []
      const again = await open()
      expect(await again.find('new0')).toBeDefined()
      expect(kinds()).toEqual([])
    })

    test('what can be read of it is known in the new one', async () => {
      await damage()
      const again = await open(large)
      await until(() => expect(kinds()).toEqual(['ledgerTrouble', 'ledgerRecovered']))
      expect(ids(await again.openSplits(10)).toSorted()).toEqual(['first', 'last'])
    })

    test('of a sound file nothing is said; whoever closes it does not wait for the end', async () => {
      const ledger = await open()
      await ledger.save(splitOf('it'))
      await ledger.close()
      for (let n = 0; n < 3; n += 1) await (await open(large)).close()
      const again = await open(large)
      await sleep(1500)
      expect(kinds()).toEqual([])
      expect(await recall(again)).toEqual(['it'])
    })

    describe('by one of the processes that share it', () => {
      const worker = { ...large, checkedElsewhere: true } as const
      const isBeingChecked = (): unknown =>
        otherConnection().prepare('select being_checked from file').get()?.['being_checked']

      test('the others do not look', async () => {
        await damage()
        await open(worker)
        await sleep(1500)
        expect(kinds()).toEqual([])
      })

      test('it tells them when nothing is found', async () => {
        await (await open()).close()
        await open({ ...large, checkAfterMs: 1000 })
        await open(worker)
        expect(isBeingChecked()).toBe(1)
        await until(() => expect(isBeingChecked()).toBe(0))
        expect(kinds()).toEqual([])
      })

      test('what the others saved meanwhile is in the new file', async () => {
        await damage()
        const house = await open({ ...large, checkAfterMs: 300 })
        const other = await open(worker)
        for (let n = 0; n < 20; n += 1) await other.save(splitOf(`other${n}`))
        await until(() =>
          expect(kinds().filter((kind) => kind === 'ledgerRecovered')).toHaveLength(2),
        )
        for (let n = 0; n < 20; n += 1) expect(await house.find(`other${n}`)).toBeDefined()
      })
    })
  })

  test('because it was damaged while in use: it is set aside, and the ledger goes on in a new one', async () => {
    const ledger = await open()
    for (let n = 0; n < 2000; n += 1)
      await ledger.save(splitOf(`s${n}`, { messageId: 'x'.repeat(5000) }))
    await until(() => {
      expect(otherConnection().prepare('pragma wal_checkpoint(truncate)').get()).toMatchObject({
        busy: 0,
      })
    })
    await overwrite(2)
    // Far more than the page cache holds is read.
    for (let n = 0; n < 2000; n += 1) await ledger.find(`s${n}`)
    await ledger.openSplits(10_000)
    await ledger.save(splitOf('new'))
    await until(() => {
      expect(ledger.durable).toBe(true)
      expect(kinds()).toEqual(['ledgerTrouble', 'ledgerRecovered'])
    })
    expect(await ledger.find('new')).toBeDefined()
    expect((await readdir(directory)).some((name) => name.startsWith('ledger.db.corrupt-'))).toBe(
      true,
    )
  })

  test('because another process keeps it locked: the ledger goes on, and catches up', async () => {
    const ledger = await open()
    await ledger.save(splitOf('before'))
    const other = otherConnection()
    other.exec('begin immediate')
    expect(await ledger.save(splitOf('during'))).toEqual({ saved: true })
    expect(ledger.durable).toBe(false)
    other.exec('rollback')
    await until(() => {
      expect(ledger.durable).toBe(true)
    })
    expect(ids(await ledger.openSplits(10))).toEqual(['before', 'during'])
  })

  test('when the ledger is closed: what it held back is written if it can be', async () => {
    const { ledger, makeRoom } = await openAlmostFull()
    let count = 0
    while (ledger.durable && count < 5000) await ledger.save(splitOf(`s${count++}`))
    makeRoom()
    await ledger.close()
    expect(await (await open()).openSplits(10_000)).toHaveLength(count)
  })

  /** Writes over all pages from `page` on, as a failing disk would. */
  /** All pages from this one on, or up to another one; the first one is 0. */
  async function overwrite(page: number, before = Infinity): Promise<void> {
    const { size } = await stat(path)
    const file = await openFile(path, 'r+')
    for (let at = page * 4096; at < Math.min(size, before * 4096); at += 4096)
      await file.write(Buffer.alloc(4096, 0xee), 0, 4096, at)
    await file.close()
  }
})

describe('a ledger that is full', () => {
  test('drops closed splits first, then the oldest open ones, and tells of those', async () => {
    const ledger = await open({ maxSplits: 10 })
    for (let n = 0; n < 8; n += 1) await ledger.save(splitOf(`open${n}`, { startedAt: start + n }))
    for (const id of ['closed0', 'closed1']) {
      await ledger.save(splitOf(id))
      await ledger.save(closed(splitOf(id), start + (id === 'closed0' ? 0 : minute)))
    }
    await ledger.save(splitOf('new0', { startedAt: start + minute }))
    expect(await ledger.find('closed0')).toBeUndefined()
    expect(await ledger.find('closed1')).toBeDefined()
    expect(facts).toEqual([])
    await ledger.save(splitOf('new1', { startedAt: start + minute }))
    await ledger.save(splitOf('new2', { startedAt: start + minute }))
    expect(ids(await ledger.openSplits(20))).toEqual([
      ...[1, 2, 3, 4, 5, 6, 7].map((n) => `open${n}`),
      ...['new0', 'new1', 'new2'],
    ])
    expect(facts).toMatchObject([
      {
        kind: 'splitClosed',
        split: 'open0',
        outcome: 'abandoned',
        abandonedRecipients: ['a@example.org', 'b@example.org'],
      },
    ])
  })

  test('has a bound in bytes too', async () => {
    const ledger = await open({ maxBytes: 1_000_000 })
    for (let n = 0; n < 10; n += 1) {
      await ledger.save(
        splitOf(`s${n}`, { startedAt: start + n, recipients: manyRecipients(1000) }),
      )
    }
    const left = ids(await ledger.openSplits(20))
    expect(left.length).toBeLessThan(6)
    expect(left.at(-1)).toBe('s9')
    expect(ids(await ledger.recall('sender@example.net', 'user7@example.org'))).toEqual(left)
  })
})

test('a recall gives the newest thousand splits, oldest first, when somebody opened more', async () => {
  const ledger = await open({ path: ':memory:' })
  for (let n = 0; n < 1100; n += 1) {
    await ledger.save(
      splitOf(`s${n}`, { startedAt: start + n, recipients: [recipientOf('a@example.org')] }),
    )
  }
  const found = await recall(ledger)
  expect(found).toHaveLength(1000)
  expect([found[0], found.at(-1)]).toEqual(['s100', 's1099'])
})

function canMount(): boolean {
  return process.getuid?.() === 0 && spawnSync('unshare', ['-m', 'true']).status === 0
}
