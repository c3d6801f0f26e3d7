/**
 * The primary goes while a worker starts: the worker does not stay behind, or it would keep the
 * port, and nobody would watch over it.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { keysOf } from '../../../src/app/listeners.ts'
import type { ToWorker } from '../../../src/app/workers/messages.ts'
import { shareOf } from '../../../src/app/workers/share.ts'
import { SharedSocket } from '../../../src/app/workers/shared-socket.ts'
import { parseConfig } from '../../../src/config/load.ts'

const program = join(
  import.meta.dirname,
  '..',
  '..',
  '..',
  'src',
  'app',
  'workers',
  'worker-process.ts',
)

test.each([
  ['before the worker was loaded', false],
  ['when the worker had begun to start', true],
])('%s', async (_, loaded) => {
  const directory = await mkdtemp(join(tmpdir(), 'rcptwise-orphans-'))
  const yaml =
    'hostname: mx.test\nlisten: ["127.0.0.1:0"]\nadmin: off\ntimeouts: { shutdown: 1s }\n'
  const parsed = parseConfig(yaml, join(directory, 'config.yaml'))
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  const { config } = parsed
  const [entry] = config.listen
  const [key] = keysOf(config.listen)
  if (entry === undefined || key === undefined) throw new Error('it listens nowhere')
  const socket = await SharedSocket.bind(entry)
  const worker = fork(program, [], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const ended = once(worker, 'exit')
  try {
    // Its first beat: it hears what it is told.
    if (loaded) await once(worker, 'message')
    const start: ToWorker = {
      kind: 'start',
      slot: 1,
      orders: { config: shareOf(config), sockets: [key] },
      piped: false,
      journal: false,
    }
    socket.sendTo(worker, { kind: 'socket', key })
    await new Promise((resolve) => worker.send(start, resolve))
    worker.disconnect()
    // Should it stay, the test ends by its own limit.
    await ended
    expect(worker.signalCode).toBeNull()
  } finally {
    worker.kill('SIGKILL')
    socket.close()
    await rm(directory, { recursive: true, force: true })
  }
})
