/**
 * A worker that somebody kills while serve starts: others take mail already, so serve goes on, and
 * another one takes its place.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { startPrimary } from '../../../src/app/workers/primary.ts'
import { Worker } from '../../../src/app/workers/worker.ts'
import { parseConfig } from '../../../src/config/load.ts'
import type { Fact } from '../../../src/facts/fact.ts'
import { until } from '../../support/lab/until.ts'

afterEach(() => void vi.restoreAllMocks())

/** Kills the worker of this slot, once, as it is told to start. */
function killAtStart(slot: number): void {
  let killed = false
  // The method is called with its own worker.
  // eslint-disable-next-line @typescript-eslint/unbound-method
  const { tell } = Worker.prototype
  vi.spyOn(Worker.prototype, 'tell').mockImplementation(function (this: Worker, message) {
    if (message.kind === 'start' && message.slot === slot && !killed) {
      killed = true
      process.kill(this.pid, 'SIGKILL')
    }
    tell.call(this, message)
  })
}

test(
  'one that is killed as it starts is replaced, and serve goes on',
  { timeout: 60_000 },
  async () => {
    const directory = await mkdtemp(join(tmpdir(), 'rcptwise-killed-'))
    try {
      const loaded = parseConfig(
        `listen: ["127.0.0.1:0"]\nworkers: 2\nlog: { level: error }\ndata_directory: ${directory}\n` +
          'relay_domains: [example.org]\nbackend: { servers: ["sink:mail"] }\n',
        join(directory, 'config.yaml'),
      )
      if (!loaded.ok) throw new Error(loaded.problems.map(({ message }) => message).join('; '))
      killAtStart(2)
      const facts: Fact[] = []
      const app = await startPrimary(loaded.config, {
        processMetrics: false,
        onFact: (fact) => facts.push(fact),
      })
      try {
        await until('all take mail', () => app.ready().ready)
        expect(facts.filter(({ kind }) => kind === 'workerLost')).toMatchObject([
          { slot: 2, how: 'SIGKILL' },
        ])
      } finally {
        await app.close()
      }
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  },
)
