/**
 * The history of a real `serve` with two workers, whatever becomes of its file: mail goes on, what
 * is missing is said, and it goes on by itself.
 */
import { execFile } from 'node:child_process'
import {
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { endings } from '../../src/cli/endings.ts'
import type { HistoryJson } from '../../src/admin/history-schema.ts'
import { type FakeBackend, startFakeBackend } from '../support/fake-backend.ts'
import { until } from '../support/lab/until.ts'
import { senderOf } from './sender.ts'
import { Home, type Served, type ServeOptions } from './serve.ts'
import { canMount, fill, withSmallDisk } from './small-disk.ts'

const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts')
const from = 'news@x.test'

let backend: FakeBackend
let home: Home
/** Messages that were answered with yes. */
let sent = 0

beforeEach(async () => {
  backend = await startFakeBackend()
  home = await Home.make()
  sent = 0
})
afterEach(async () => {
  await home[Symbol.asyncDispose]()
  await backend[Symbol.asyncDispose]()
})

const path = (): string => join(home.directory, 'kept', 'history.db')

const serve = async (options: Partial<ServeOptions> = {}): Promise<Served> =>
  await home.serve({
    backendUrl: backend.url,
    workers: 2,
    config: `data_directory: data\nhistory: { path: kept/history.db, queue: 64KiB }`,
    ...options,
  })

/** Each on a connection of its own, and each gets its yes. */
async function send(served: Served, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    const message = ++sent
    const text = `Subject: ${message}\r\nMessage-ID: <${message}@x.test>\r\n\r\nhello\r\n`
    const sender = senderOf({ from, to: ['a@example.org'], text })
    await sender.attempt(served.listeningPort)
    expect(sender.answered.get('a@example.org')).toMatch(/^250 /)
  }
}

async function ask(served: Served): Promise<HistoryJson> {
  const asked = await fetch(`${served.adminUrl}/api/v1/history?from=${from}&limit=1000`)
  expect(asked.status).toBe(200)
  return (await asked.json()) as HistoryJson
}

const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i)

const told = ({ attempts, gaps }: HistoryJson): number =>
  attempts.length + gaps.reduce((sum, gap) => sum + (gap.attempts ?? 0), 0)

/** All that was sent is in the history, or is told to be missing. */
async function untilAllIsTold(
  served: Served,
  all: () => number = () => sent,
): Promise<HistoryJson> {
  let answer = await ask(served)
  await until(
    'everything is in the history, or said to be missing',
    async () => {
      answer = await ask(served)
      return told(answer) >= all()
    },
    { explain: () => `${JSON.stringify(answer.gaps)} ${told(answer)}\n${served.output}` },
  )
  expect(told(answer)).toBe(all())
  return answer
}

async function why(served: Served): Promise<string> {
  const args = [main, 'why', from, '--limit', '1000', '--server', served.adminUrl]
  try {
    return (await promisify(execFile)(process.execPath, args, { maxBuffer: 1 << 26 })).stdout
  } catch (error) {
    // What was found is nothing, and what is missing is said all the same.
    const { code, stdout } = error as { readonly code?: unknown; readonly stdout?: string }
    if (code === endings.nothing.code) return stdout ?? ''
    throw error
  }
}

describe('a full disk', () => {
  test.runIf(canMount())(
    'why.md: “When the disk is full, Rcptwise tries again every two seconds” “`why --server` then says how many attempts are missing at that moment.”',
    { timeout: 180_000 },
    async () => {
      const directory = join(home.directory, 'kept')
      const served = await serve({ wrapper: withSmallDisk(directory, '3m') })
      await send(served, 20)
      await untilAllIsTold(served)
      const filler = `/proc/${served.pid}/root${directory}/filler`
      fill(filler)
      while (sent < 2000 && served.events('historyLeftOut').length < 2) await send(served, 20)
      expect(served.events('historyTrouble').length).toBeGreaterThan(0)
      expect(served.events('historyLeftOut').length).toBeGreaterThan(0)
      expect((await ask(served)).unwritten).toBeGreaterThan(0)
      expect(await why(served)).toMatch(
        /\n\d+ attempts are not in the history: Rcptwise can not write it now\.\n/,
      )
      rmSync(filler)
      const { gaps } = await untilAllIsTold(served)
      expect(gaps.length).toBeGreaterThan(0)
      expect(await why(served)).toMatch(/\d+ attempts between .* are missing/)
      await send(served, 10)
      await untilAllIsTold(served)
      expect((await ask(served)).unwritten).toBe(0)
    },
  )
})

describe('kill -9', () => {
  test(
    'of everything while it writes: what was answered before the last moment is there, and the next one says when',
    { timeout: 180_000 },
    async () => {
      let kept = 0
      for (let round = 1; round <= 3; round++) {
        const served = await serve()
        await send(served, 30)
        kept += 30
        await untilAllIsTold(served, () => kept)
        // Of these some are lost.
        await send(served, 5)
        await served.kill()
        const next = await serve()
        const { attempts, gaps } = await ask(next)
        expect(attempts.length).toBeGreaterThanOrEqual(kept)
        kept = attempts.length
        expect(gaps.filter((gap) => gap.why === 'killed').length).toBeGreaterThanOrEqual(round)
        expect(await why(next)).toContain('Rcptwise was killed between')
        next.signal('SIGTERM')
        expect(await next.ending()).toBe(0)
      }
    },
  )

  test(
    'of one worker: the others go on, and so does the one in its place',
    { timeout: 180_000 },
    async () => {
      const served = await serve()
      await send(served, 20)
      await untilAllIsTold(served)
      const { stdout } = await promisify(execFile)('pgrep', ['-P', String(served.pid)])
      const [worker = 0] = stdout.trim().split('\n').map(Number)
      process.kill(worker, 'SIGKILL')
      await until('it is gone', () => served.events('workerLost').length > 0)
      await send(served, 20)
      await untilAllIsTold(served)
      await until('the one in its place has said so', async () => {
        const { gaps } = await ask(served)
        return gaps.map((gap) => gap.why).join() === 'killed'
      })
    },
  )
})

/** What may become of the file while it is open. */
const fates: Readonly<
  Record<string, { readonly act: () => void; readonly said: RegExp; readonly damaged?: true }>
> = {
  'is removed': {
    act: () => rmSync(path()),
    said: /the file of the history was removed/,
  },
  'is removed with what is beside it': {
    act: () => {
      for (const suffix of ['', '-wal', '-shm']) rmSync(path() + suffix)
    },
    said: /the file of the history was removed/,
  },
  'is moved away': {
    act: () => renameSync(path(), `${path()}.old`),
    said: /the file of the history was removed/,
  },
  'is replaced by a copy': {
    act: () => {
      copyFileSync(path(), `${path()}.copy`)
      renameSync(`${path()}.copy`, path())
    },
    said: /the file of the history was removed/,
  },
  'is overwritten': {
    act: () => {
      const file = openSync(path(), 'r+')
      for (let at = 0; at < 1 << 20; at += 4096)
        writeSync(file, Buffer.alloc(4096, 'x'), 0, 4096, at)
      closeSync(file)
    },
    said: /the file of the history was damaged/,
    damaged: true,
  },
  'is made empty': {
    act: () => closeSync(openSync(path(), 'w')),
    said: /the file of the history was damaged/,
    damaged: true,
  },
}

test.each(Object.entries(fates))(
  'why.md: “When the file is removed or replaced while Rcptwise runs, or is damaged, Rcptwise begins a new one.” The file %s',
  { timeout: 180_000 },
  async (_name, { act, said, damaged }) => {
    const served = await serve()
    await send(served, 30)
    await untilAllIsTold(served)
    act()
    const before = sent
    // Some may come before anybody has seen it.
    await until('a new one is there', async () => {
      await send(served, 2)
      return served.events('historyRecovered').length > 0 || said.test(await why(served))
    })
    const begun = sent
    await send(served, 20)
    // One of the two processes may see it later than the other, and writes then what has waited.
    await until('the last ones are found', async () => {
      const { attempts } = await ask(served)
      const ids = new Set(attempts.map(({ messageId }) => messageId))
      return range(begun + 1, sent).every((n) => ids.has(`<${n}@x.test>`))
    })
    expect(begun - before).toBeLessThan(100)
    expect(await why(served)).toMatch(said)
    expect(existsSync(`${path()}.damaged`)).toBe(damaged === true)
    served.signal('SIGTERM')
    expect(await served.ending()).toBe(0)
  },
)
