/** Worker processes that are begun before there are orders for them. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { beginWorker, BegunWorkers } from '../../../src/app/workers/begun-workers.ts'
import { startPrimary } from '../../../src/app/workers/primary.ts'
import { parseConfig } from '../../../src/config/load.ts'
import { until } from '../../support/lab/until.ts'

const children: ChildProcess[] = []
function begin(): ChildProcess {
  const child = beginWorker()
  children.push(child)
  return child
}
const pids = (): readonly (number | undefined)[] => children.map(({ pid }) => pid)
const ended = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode !== null || signalCode !== null

let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rcptwise-begun-'))
})
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await rm(directory, { recursive: true, force: true })
})

function configOf(yaml: string): Parameters<typeof startPrimary>[0] {
  const loaded = parseConfig(
    `listen: ["127.0.0.1:0"]\nadmin: off\nlog: { level: error }\nledger: "sqlite:ledger.db"\n${yaml}`,
    join(directory, 'config.yaml'),
  )
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  return loaded.config
}

test('each is given once, and a new one when none is left', () => {
  using begun = new BegunWorkers(1, begin)
  const first = begun.take()
  const second = begun.take()
  expect(pids()).toEqual([first.pid, second.pid])
})

test('one that has ended meanwhile is not given', async () => {
  using begun = new BegunWorkers(1, begin)
  const [dead] = children
  if (dead === undefined) throw new Error('none was begun')
  dead.kill('SIGKILL')
  await once(dead, 'exit')
  expect(begun.take().pid).not.toBe(dead.pid)
})

test('a start takes as many as it needs, and ends the others', { timeout: 60_000 }, async () => {
  const begun = new BegunWorkers(3, begin)
  const app = await startPrimary(configOf('workers: 2\n'), { processMetrics: false, begun })
  try {
    await until('the third has ended', () => children.filter(ended).length === 1)
    expect(children).toHaveLength(3)
    expect(app.ready().ready).toBe(true)
  } finally {
    await app.close()
  }
})

test('a start that fails leaves none behind', { timeout: 60_000 }, async () => {
  const database = new DatabaseSync(join(directory, 'ledger.db'))
  database.exec('create table somebodys (a)')
  database.close()
  const begun = new BegunWorkers(2, begin)
  await expect(
    startPrimary(configOf('workers: 2\n'), { processMetrics: false, begun }),
  ).rejects.toThrow('not a ledger')
  await until('both have ended', () => children.every(ended))
})
