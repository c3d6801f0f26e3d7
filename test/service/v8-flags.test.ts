/** The options of V8 with which processes run that take mail. */
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { optionsOfNode } from '../../src/service/v8-flags.ts'
import { Home } from '../crash/serve.ts'
import { startFakeBackend } from '../support/fake-backend.ts'

const argumentsOf = async (pid: number): Promise<string[]> =>
  (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').slice(0, -1)

const childrenOf = async (pid: number): Promise<number[]> =>
  (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8'))
    .split(' ')
    .filter(Boolean)
    .map(Number)

test('what an administrator has set stays, and stands once', () => {
  const own = ['--enable-source-maps', '--initial-old-space-size=128']
  const all = optionsOfNode(own)
  expect(all.slice(0, 2)).toEqual(own)
  expect(new Set(all).size).toBe(all.length)
  expect(optionsOfNode(all)).toEqual(all)
})

test('the Debian package starts the program with them', async () => {
  const command = await readFile('deploy/debian/rcptwise.sh', 'utf8')
  expect(command).toContain(`options='${optionsOfNode([]).join(' ')}'`)
})

test.each([1, 2])('with %i workers all processes that take mail have them', async (workers) => {
  await using backend = await startFakeBackend()
  await using home = await Home.make()
  const served = await home.serve({ backendUrl: backend.url, workers })
  // It has begun anew, and is the process that its parent started.
  const processes = [served.pid, ...(await childrenOf(served.pid))]
  expect(processes).toHaveLength(workers === 1 ? 1 : 1 + workers)
  for (const pid of processes)
    expect(await argumentsOf(pid)).toEqual(expect.arrayContaining(optionsOfNode([])))
  served.signal('SIGTERM')
  expect(await served.ending()).toBe(0)
})
