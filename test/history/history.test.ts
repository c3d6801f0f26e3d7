/**
 * The history of a running process: written behind the answer by a thread, whatever becomes of the
 * disk and of the process.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Fact } from '../../src/facts/fact.ts'
import { type History, type HistoryOptions, openHistory } from '../../src/history/history.ts'
import { askHistoryFile } from '../../src/cli/history-file.ts'
import { transaction } from '../metrics/sample-facts.ts'
import { to } from './samples.ts'

let directory = ''
let facts: Fact[] = []
const opened: History[] = []
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rcptwise-history-'))
  facts = []
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map(async (each) => await each.close()))
  rmSync(directory, { recursive: true, force: true })
})

const path = (): string => join(directory, 'history.db')

function open(change: Partial<HistoryOptions> = {}): History {
  const history = openHistory({
    path: path(),
    keepMs: 86_400_000,
    maxSizeBytes: 64 * 1024 * 1024,
    addresses: 'full',
    queueBytes: 1024 * 1024,
    slot: 'primary',
    keepsHouse: true,
    onFact: (fact) => facts.push(fact),
    now: Date.now,
    ...change,
  })
  opened.push(history)
  return history
}

const ended = (n: number, at = Date.now()): Fact =>
  transaction({
    at,
    transaction: `S.${n}`,
    messageId: `<${n}@sender.example>`,
    recipients: [to('a@example.org'), to(`r${n}@example.org`)],
  })

const count = (kind: 'historyWritten' | 'historyLeftOut'): number =>
  facts.reduce((sum, fact) => sum + (fact.kind === kind ? fact.transactions : 0), 0)
/** However busy the machine is. */
const eventually = async (check: () => void): Promise<void> => {
  await vi.waitFor(check, { timeout: 60_000 })
}
const kinds = (): readonly string[] => facts.map(({ kind }) => kind)

test('what has happened is found at once, and who asks need not wait until it is written', async () => {
  const history = open()
  for (let n = 0; n < 300; n++) history.onFact(ended(n))
  const { attempts, more } = await history.search({ address: 'a@example.org', limit: 1000 })
  expect(attempts).toHaveLength(300)
  expect(more).toBe(false)
  expect(
    (await history.search({ messageId: '7@sender.example', limit: 10 })).attempts,
  ).toHaveLength(1)
  await eventually(() => expect(count('historyWritten')).toBe(300))
})

test('how a split ended is told with its attempts', async () => {
  const history = open()
  const split = { split: 'ABCDEFGHIJKLMNOP', peer: 'default', strategy: 'group' } as const
  history.onFact(transaction({ at: Date.now(), split: split.split }))
  history.onFact({
    kind: 'splitClosed',
    at: 1e15,
    ...split,
    outcome: 'abandoned',
    durationMs: 1,
    abandonedRecipients: ['a@example.org'],
  })
  const { closings } = await history.search({ split: split.split, limit: 10 })
  expect(closings).toEqual([
    { at: 1e15, split: split.split, outcome: 'abandoned', recipients: ['a@example.org'] },
  ])
})

test('what is older than `keep` is removed while it runs', async () => {
  const history = open({ keepMs: 1000 })
  history.onFact(ended(1, Date.now() - 5000))
  history.onFact(ended(2, Date.now() + 3_600_000))
  await eventually(() => expect(count('historyWritten')).toBe(2))
  await vi.waitFor(
    async () => {
      const { attempts } = await history.search({ address: 'a@example.org', limit: 10 })
      expect(attempts.map((each) => each.transaction)).toEqual(['S.2'])
    },
    { timeout: 30_000, interval: 200 },
  )
})

test('what comes close together is written together, and who asks waits for no more of it', async () => {
  const history = open()
  for (let n = 0; n < 640; n++) history.onFact(ended(n))
  const { attempts } = await history.search({ address: 'a@example.org', limit: 1000 })
  expect(attempts).toHaveLength(640)
  expect(count('historyWritten')).toBe(640)
  const written = facts.filter(({ kind }) => kind === 'historyWritten')
  expect(written.length).toBeLessThan(640 / 64)
})

test('all that was told is written when it is closed, and can be read by who is there alone', async () => {
  const history = open()
  for (let n = 0; n < 100; n++) history.onFact(ended(n))
  await history.close()
  const { answer } = askHistoryFile(
    { path: path() },
    { address: 'a@example.org', limit: 1000, sinceMs: undefined },
  )
  expect(answer.attempts).toHaveLength(100)
  expect(answer.gaps).toEqual([])
  await expect(history.search({ address: 'x', limit: 1 })).rejects.toThrow('not open')
})

test('it is read while it is written', async () => {
  const history = open()
  history.onFact(ended(1))
  await eventually(() => expect(count('historyWritten')).toBe(1))
  const { answer } = askHistoryFile(
    { path: path() },
    { address: 'a@example.org', limit: 10, sinceMs: undefined },
  )
  expect(answer.attempts).toHaveLength(1)
})

test('several processes of one front-end write one history', async () => {
  const house = open()
  house.onFact(ended(0))
  await eventually(() => expect(count('historyWritten')).toBe(1))
  const workers = ['1', '2'].map((slot) => open({ slot, keepsHouse: false }))
  for (let n = 1; n <= 200; n++) workers[n % 2]?.onFact(ended(n))
  await vi.waitFor(() => expect(count('historyWritten')).toBe(201), { timeout: 30_000 })
  const { attempts } = await house.search({ address: 'a@example.org', limit: 1000 })
  expect(attempts).toHaveLength(201)
})

test('why.md: “Mail never waits for the history.” What there is no room for is counted, told once it can be, and the rest is written later', async () => {
  mkdirSync(join(directory, 'away'))
  const at = join(directory, 'away', 'sub', 'history.db')
  // Where a directory is wanted there is a file.
  writeFileSync(join(directory, 'away', 'sub'), '')
  const history = open({ path: at, queueBytes: 64 * 1024 })
  const before = performance.now()
  for (let n = 0; n < 1000; n++) history.onFact(ended(n))
  expect(performance.now() - before).toBeLessThan(60_000)
  expect(count('historyLeftOut')).toBeGreaterThan(500)
  await eventually(() => expect(kinds()).toContain('historyTrouble'))
  rmSync(join(directory, 'away', 'sub'))
  await vi.waitFor(() => expect(kinds()).toContain('historyRecovered'), { timeout: 30_000 })
  await vi.waitFor(() => expect(count('historyWritten') + count('historyLeftOut')).toBe(1000), {
    timeout: 30_000,
  })
  await vi.waitFor(
    async () => {
      const { attempts, gaps } = await history.search({ address: 'a@example.org', limit: 1000 })
      expect(attempts).toHaveLength(count('historyWritten'))
      expect(gaps).toMatchObject([{ attempts: count('historyLeftOut'), why: 'not written' }])
    },
    { timeout: 30_000, interval: 200 },
  )
})

test('a file that may grow no more: the oldest go, and what comes is written', async () => {
  const history = open({ maxSizeBytes: 1024 * 1024, queueBytes: 64 * 1024 * 1024 })
  for (let n = 0; n < 4000; n++) history.onFact(ended(n))
  await vi.waitFor(() => expect(count('historyWritten')).toBe(4000), { timeout: 60_000 })
  const { attempts, keptSince } = await history.search({
    messageId: '<3999@sender.example>',
    limit: 1,
  })
  expect(attempts).toHaveLength(1)
  expect(keptSince).toBeDefined()
  await history.close()
  expect(statSync(path()).size).toBeLessThanOrEqual(1024 * 1024)
})

test('a full disk: nobody waits, it is told, and what had room in memory is written when there is room again', async () => {
  const full = { maxSizeBytes: 1024 * 1024, queueBytes: 256 * 1024 }
  // Nobody removes what is old: for SQLite the file is full as it is when the disk is.
  const worker = open({ ...full, slot: '1', keepsHouse: false })
  let told = 0
  const tell = async (): Promise<void> => {
    for (let n = 0; n < 64; n++) worker.onFact(ended(told++))
    await sleep(10)
  }
  const isFull = (): boolean =>
    facts.some((fact) => fact.kind === 'historyTrouble' && fact.why.includes('full'))
  while (told < 20_000 && !isFull()) await tell()
  expect(isFull()).toBe(true)
  for (let round = 0; round < 20; round++) await tell()
  expect(count('historyLeftOut')).toBeGreaterThan(0)
  open(full)
  await vi.waitFor(
    () => {
      expect(kinds()).toContain('historyRecovered')
      expect(count('historyWritten') + count('historyLeftOut')).toBe(told)
    },
    { timeout: 60_000 },
  )
})

test('a file of another program is left alone, and mail goes on', async () => {
  writeFileSync(path(), 'not a history, and not even a database, but something of somebody else')
  const history = open()
  history.onFact(ended(1))
  await eventually(() => expect(kinds()).toContain('historyTrouble'))
  await expect(history.search({ address: 'x', limit: 1 })).rejects.toThrow()
  await history.close()
  expect(readFileSync(path(), 'utf8')).toContain('somebody else')
})

test('why.md: “with `addresses: hash` the key is in a file that only its owner can read”', async () => {
  const history = open({ addresses: 'hash' })
  history.onFact(ended(1))
  const { attempts } = await history.search({ address: 'R1@example.org', limit: 10 })
  expect(attempts[0]?.recipients[1]?.address).toMatch(/^hash:[\w-]{16}$/)
  expect(statSync(`${path()}.key`).mode & 0o777).toBe(0o600)
  await history.close()
  const { answer } = askHistoryFile(
    { path: path() },
    { address: 'r1@example.org', limit: 10, sinceMs: undefined },
  )
  expect(answer).toMatchObject({ addresses: 'hash', attempts: [{ transaction: 'S.1' }] })
  chmodSync(directory, 0o700)
})

test(
  'why.md: “A kill takes at most the last moment.” The file is whole, and the next one to write tells of it',
  { timeout: 120_000 },
  async () => {
    for (let round = 0; round < 3; round++) {
      const child = fork(join(import.meta.dirname, 'children', 'writer.ts'), [path()], {
        serialization: 'advanced',
      })
      let written = 0
      const enough = Promise.withResolvers<undefined>()
      child.on('message', (sum: number) => {
        written = sum
        if (sum > 300 + 150 * round) enough.resolve(undefined)
      })
      await enough.promise
      child.kill('SIGKILL')
      await once(child, 'close')
      const { answer } = askHistoryFile(
        { path: path() },
        { from: `round@s.example`, limit: 1000, sinceMs: undefined },
      )
      expect(answer.more || answer.attempts.length >= written).toBe(true)
    }
    const history = open()
    history.onFact(ended(1))
    const { gaps, attempts } = await history.search({ messageId: '<1@sender.example>', limit: 10 })
    expect(attempts).toHaveLength(1)
    expect(gaps).toHaveLength(3)
    expect(gaps.every(({ why, from, until }) => why === 'killed' && from <= until)).toBe(true)
  },
)
