/** From the start of the process to the greeting, as someone sees it who restarts Rcptwise. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort, greets } from '../test/support/lab/ports.ts'
import { median } from './rounds.ts'

const starts = 3
const limitMs = 30_000

/**
 * Median of three starts with the built-in defaults, in seconds; certificate and ledger exist, as
 * at a restart.
 */
export async function measureStart(program: string): Promise<number> {
  const directory = await mkdtemp(path.join(tmpdir(), 'rcptwise-bench-'))
  try {
    await startOnce(program, directory)
    const taken: number[] = []
    for (let n = 0; n < starts; n += 1) taken.push(await startOnce(program, directory))
    return median(taken)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function startOnce(program: string, directory: string): Promise<number> {
  const port = await freePort()
  const args = [
    program,
    'serve',
    '--listen',
    `127.0.0.1:${port}`,
    '--admin',
    'off',
    '--data-directory',
    directory,
  ]
  const begun = performance.now()
  const child = spawn(process.execPath, args, { cwd: directory, stdio: 'ignore' })
  const gone = once(child, 'exit')
  try {
    while (!(await greets(port))) {
      if (child.exitCode !== null || performance.now() - begun > limitMs)
        throw new Error(`${program} did not start`)
      await sleep(2)
    }
    return (performance.now() - begun) / 1000
  } finally {
    child.kill('SIGTERM')
    await gone
  }
}
