/** Processes that a test stops: a signal is on its way for a while, and a thread may answer yet. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { until } from './lab/until.ts'

/** Sends SIGSTOP, and waits until each thread of the process stands still. */
export const standStill = async (pid: number): Promise<void> => {
  process.kill(pid, 'SIGSTOP')
  await until(`process ${pid} stands still`, async () => {
    const tasks = join('/proc', String(pid), 'task')
    const states = (await readdir(tasks)).map(
      async (task) => await stateOf(join(tasks, task, 'stat')),
    )
    return (await Promise.all(states)).every((state) => state === 'T')
  })
}

/** Its name, in brackets, may have brackets and blanks itself. */
const stateOf = async (file: string): Promise<string | undefined> => {
  const stat = await readFile(file, 'latin1')
  return stat.slice(stat.lastIndexOf(')') + 2)[0]
}
