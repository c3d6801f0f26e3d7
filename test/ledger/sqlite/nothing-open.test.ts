/**
 * Several processes on one file try to be told that nothing is open of a sender of whom a split was
 * saved before (docs/decisions/0145).
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'

const program = join(import.meta.dirname, '..', 'children', 'open-and-ask.ts')

let directory: string
let path: string
let children: ChildProcess[]

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rcptwise-ledger-'))
  path = join(directory, 'ledger.db')
  children = []
  await mkdir(join(directory, 'told'))
})
afterEach(async () => {
  for (const child of children) await kill(child)
  await rm(directory, { recursive: true, force: true })
})

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

function start(): ChildProcess {
  const name = `p${children.length}`
  const child = spawn(process.execPath, [program, path, join(directory, 'told'), name], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  children.push(child)
  return child
}

interface Told {
  saved: number
  asked: number
  wrong: number
  unasked: number
}

async function toldBy(): Promise<Told> {
  const sum: Told = { saved: 0, asked: 0, wrong: 0, unasked: 0 }
  for (const name of await readdir(join(directory, 'told'))) {
    const octets = await readFile(join(directory, 'told', name))
    const [saved = 0, asked = 0, wrong = 0, unasked = 0] = new Float64Array(
      octets.buffer.slice(octets.byteOffset, octets.byteOffset + octets.byteLength),
    )
    sum.saved += saved
    sum.asked += asked
    sum.wrong += wrong
    sum.unasked += unasked
  }
  return sum
}

/** Until others were asked for so many senders: `each` every 20 ms. */
async function untilAsked(many: number, each: (n: number) => Promise<void>): Promise<Told> {
  for (let n = 1; ; n += 1) {
    await sleep(20)
    await each(n)
    const told = await toldBy()
    if (told.asked >= many || told.wrong > 0) return told
  }
}

test('ledger.md: “no process takes a sender for one of whom nothing is open when another has saved a split of it.”', async () => {
  let alive = [start(), start(), start()]
  const told = await untilAsked(9000, async () => {
    alive = alive.filter((child) => child.exitCode === null)
    expect(alive).toHaveLength(3)
    await Promise.resolve()
  })
  expect(told.wrong).toBe(0)
  expect(told.unasked).toBeGreaterThan(told.saved)
})

test('whoever asks right after a save is told so, too, while processes are killed, others begin, and the log begins anew', async () => {
  const alive = [start(), start(), start()]
  let checkpoints: DatabaseSync | undefined
  const told = await untilAsked(15_000, async (n) => {
    if (n % 30 === 0) {
      const longest = alive.shift()
      if (longest !== undefined) await kill(longest)
      alive.push(start())
    }
    if (n > 50) {
      checkpoints ??= new DatabaseSync(path, { timeout: 200 })
      checkpoints.prepare(`pragma wal_checkpoint(${n % 2 === 0 ? 'truncate' : 'restart'})`).get()
    }
  })
  checkpoints?.close()
  expect(children.length).toBeGreaterThan(5)
  expect(told.wrong).toBe(0)
  expect(told.unasked).toBeGreaterThan(0)
})
