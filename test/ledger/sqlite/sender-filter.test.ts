/** When SQLite is not asked of whom nothing is open, and when it has to be (docs/decisions/0145). */
import { spawnSync } from 'node:child_process'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync, StatementSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Ledger } from '../../../src/ledger/ledger.ts'
import { migrations } from '../../../src/ledger/sqlite/schema.ts'
import { openSqliteLedger } from '../../../src/ledger/sqlite/sqlite.ts'
import { WalIndex } from '../../../src/ledger/sqlite/wal-index.ts'
import { changed, closed, splitOf, start } from '../splits.ts'

let directory: string
let path: string
let opened: Ledger[]

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rcptwise-ledger-'))
  path = join(directory, 'ledger.db')
  opened = []
})
afterEach(async () => {
  vi.restoreAllMocks()
  for (const ledger of opened) await ledger.close()
  await rm(directory, { recursive: true, force: true })
})

async function open(): Promise<Ledger> {
  const options = { path, onFact: () => undefined, clock: () => start, retryMs: 100 }
  const ledger = await openSqliteLedger(options)
  opened.push(ledger)
  return ledger
}

/** Of a ledger that has read of whom something is open. */
async function openKnowing(): Promise<Ledger> {
  const ledger = await open()
  await untilKnowing(ledger)
  return ledger
}

async function untilKnowing(ledger: Ledger): Promise<void> {
  await vi.waitFor(() => expect(asks(ledger, 'nobody@example.net')).toBe(false), {
    timeout: 10_000,
    interval: 20,
  })
}

/** Whether the ledger asks SQLite what is open of the sender. */
function asks(ledger: Ledger, sender: string): boolean {
  const get = vi.spyOn(StatementSync.prototype, 'get')
  const answer = ledger.openOf(sender)
  const { length } = get.mock.calls
  get.mockRestore()
  if (length === 0) expect(answer).toEqual([])
  return length > 0
}

const ofSender = (sender: string): ReturnType<typeof splitOf> =>
  splitOf(`of ${sender}`, { reversePath: sender })

test('of whom nothing is open SQLite is not asked, and of whom something is open it is', async () => {
  const ledger = await open()
  await ledger.save(ofSender('old@example.net'))
  await ledger.save(ofSender(''))
  await untilKnowing(ledger)
  await ledger.save(ofSender('new@example.net'))
  for (const sender of ['old@example.net', '', 'new@example.net'])
    expect(await ledger.openOf(sender)).toBe('many')
  expect(asks(ledger, 'other@example.net')).toBe(false)
})

test('a split that another process opens, or opens again, is known at once', async () => {
  const [ledger, other] = [await openKnowing(), await open()]
  const split = ofSender('sender@example.net')
  await other.save(split)
  expect(await ledger.openOf('sender@example.net')).toBe('many')
  await other.save(closed(split, start))
  expect(await ledger.openOf('sender@example.net')).toEqual([])
  await other.save(changed({ ...split, version: 2 }))
  expect(await ledger.openOf('sender@example.net')).toBe('many')
})

test('who has missed more first splits than are listed reads all anew', async () => {
  const [ledger, other] = [await openKnowing(), await open()]
  for (let n = 0; n < 1200; n += 1) await other.save(ofSender(`sender${n}@example.net`))
  for (const n of [0, 600, 1199]) expect(await ledger.openOf(`sender${n}@example.net`)).toBe('many')
  await untilKnowing(ledger)
  for (let n = 0; n < 1200; n += 1)
    expect(await ledger.openOf(`sender${n}@example.net`)).toBe('many')
})

test('it is not asked either behind a log that begins anew', async () => {
  const ledger = await openKnowing()
  const other = new DatabaseSync(path, { timeout: 5000 })
  for (let n = 0; n < 20; n += 1) {
    other.exec('pragma wal_checkpoint(truncate)')
    const sender = `sender${n}@example.net`
    await ledger.save(ofSender(sender))
    expect(await ledger.openOf(sender)).toBe('many')
    expect(asks(ledger, 'other@example.net')).toBe(false)
  }
  other.close()
})

test('a header that a writer has left half written is no header', async () => {
  const [ledger, other] = [await openKnowing(), await open()]
  // As a process of its own: who closes the file ends the locks of its process on it.
  const half = `const fs = require('node:fs'); const file = fs.openSync(${JSON.stringify(`${path}-shm`)}, 'r+')
    fs.writeSync(file, Buffer.alloc(20, 7), 0, 20, 56)`
  expect(spawnSync(process.execPath, ['-e', half]).status).toBe(0)
  expect(await ledger.openOf('nobody@example.net')).toEqual([])
  await other.save(ofSender('sender@example.net'))
  expect(await ledger.openOf('sender@example.net')).toBe('many')
  await untilKnowing(ledger)
  expect(await ledger.openOf('sender@example.net')).toBe('many')
})

test('whatever becomes of the file, a split that was saved here is found here', async () => {
  const ledger = await openKnowing()
  const senders: string[] = []
  const saveAndAsk = async (): Promise<void> => {
    const sender = `sender${senders.length}@example.net`
    senders.push(sender)
    await ledger.save(ofSender(sender))
    for (const each of senders.slice(-20)) expect(await ledger.openOf(each)).toBe('many')
  }
  const saveUntil = async (durable: boolean): Promise<void> => {
    do {
      await saveAndAsk()
      await sleep(5)
    } while (ledger.durable !== durable)
  }
  await saveUntil(true)
  for (let round = 0; round < 3; round += 1) {
    await rename(path, `${path}.${round}`)
    await mkdir(path)
    await saveUntil(false)
    await rmdir(path)
    await saveUntil(true)
    for (const each of senders) expect(await ledger.openOf(each)).toBe('many')
    await untilKnowing(ledger)
    for (const each of senders) expect(await ledger.openOf(each)).toBe('many')
  }
})

test('a file that was put in the place of the one that is open proves nothing', async () => {
  await open()
  const index = new WalIndex(path)
  const connection = new DatabaseSync(path)
  const write = (): void => connection.exec('update file set touched = touched + 1')
  expect(index.proves(write)).toBe(true)
  const elsewhere = new WalIndex(path)
  await rename(`${path}-shm`, `${path}-shm.aside`)
  expect(spawnSync('cp', [`${path}-shm.aside`, `${path}-shm`]).status).toBe(0)
  expect(elsewhere.proves(write)).toBe(false)
  expect(elsewhere.isUnchanged()).toBe(false)
  connection.close()
  index.release()
  elsewhere.release()
})

test('what is no state of a log, or half of one, is not kept', () => {
  const copy = [3_007_000, 0, 7, 0, 5, 9, 1, 2, 3, 4, 5, 6]
  const put = (...words: number[]): void => writeFileSync(`${path}-shm`, new Uint32Array(words))
  writeFileSync(path, '')
  put(...copy, ...copy)
  const index = new WalIndex(path)
  let change = 0
  expect(
    index.proves(() => {
      change += 1
      put(...copy.with(2, change), ...copy.with(2, change))
    }),
  ).toBe(true)
  const isKept = (...words: number[]): boolean => {
    put(...words)
    index.isUnchanged()
    index.keep()
    return index.isUnchanged()
  }
  expect(isKept(...copy, ...copy)).toBe(true)
  expect(isKept(...copy, ...copy.with(2, 8))).toBe(false)
  expect(isKept(...copy.with(4, 0), ...copy.with(4, 0))).toBe(false)
  expect(isKept(...copy.with(0, 1), ...copy.with(0, 1))).toBe(false)
  expect(isKept(...copy)).toBe(false)
  expect(isKept(...copy, ...copy)).toBe(true)
  index.release()
  expect(index.isUnchanged()).toBe(false)
})

test('a ledger that is closed leaves another one of its process the locks on the file', async () => {
  const locks = (): number => {
    const inode = statSync(`${path}-shm`).ino
    const lines = readFileSync('/proc/locks', 'latin1').split('\n')
    return lines.filter((line) => line.includes(` ${process.pid} `) && line.includes(`:${inode} `))
      .length
  }
  const [one, other] = [await openKnowing(), await openKnowing()]
  expect(locks()).toBe(1)
  await one.close()
  expect(locks()).toBe(1)
  expect(asks(other, 'nobody@example.net')).toBe(false)
})

test('senders of rows that are older than the column for them are known', async () => {
  const old = new DatabaseSync(path)
  old.exec('pragma journal_mode = wal')
  for (const migration of migrations.slice(0, 2)) old.exec(migration)
  old.exec(`pragma application_id = 1919119476; pragma user_version = 2`)
  const insert = (id: string, state: number, body: string): void => {
    old
      .prepare(
        `insert into split (id, version, state, peer, strategy, started_at, last_attempt_at, closed_at, members, bytes, body)
       values (?, 1, ?, 'default', 'group', ?, ?, ?, '', 300, ?)`,
      )
      .run(id, state, start, start, state === 2 ? start : null, body)
  }
  const [open1, closed1] = [ofSender('open@example.net'), ofSender('closed@example.net')]
  insert(open1.id, 1, JSON.stringify(open1))
  old.exec(`insert into member values (1, 'open@example.net', 'a@example.org')`)
  insert(closed1.id, 2, JSON.stringify({ ...closed1, status: 'completed' }))
  insert('damaged', 2, '{')
  old.close()
  const ledger = await openKnowing()
  expect(await ledger.openOf('open@example.net')).toBe('many')
  expect(asks(ledger, 'closed@example.net')).toBe(false)
  await ledger.save(changed(closed1))
  expect(await ledger.openOf('closed@example.net')).toBe('many')
})
