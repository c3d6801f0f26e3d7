/**
 * A ledger that can't be used from the start: it is said why, and what to do; mail goes on, and the
 * metrics tell of it.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { startTestApp } from '../support/app.ts'

const directory = mkdtempSync(join(tmpdir(), 'rcptwise-ledger-unusable-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const at = (name: string): string => join(directory, name)

const ways: [string, () => string | Promise<string>, RegExp][] = [
  [
    'a directory',
    () => {
      mkdirSync(at('directory'))
      return at('directory')
    },
    /directory: is a directory; write the name of a file in it in the configuration/,
  ],
  [
    'a FIFO',
    () => {
      expect(spawnSync('mkfifo', [at('fifo')]).status).toBe(0)
      return at('fifo')
    },
    /fifo: is a FIFO and not a file; write the name of another file in the configuration/,
  ],
  [
    'a socket',
    async () => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(at('socket'), resolve))
      server.unref()
      return at('socket')
    },
    /socket: is a socket and not a file/,
  ],
  ['a device', () => '/dev/null', /\/dev\/null: is a device and not a file/],
  [
    'a path below a file',
    () => {
      writeFileSync(at('file'), '')
      return join(at('file'), 'ledger.db')
    },
    /file\/ledger\.db: /,
  ],
]

test.each(ways)(
  '%s: mail goes on, the log says what and what to do, ledger_durable is 0 and the trouble is counted',
  async (_, make, why) => {
    const path = await make()
    await using app = await startTestApp({ config: `ledger: ${JSON.stringify(path)}` })
    const trouble = app.facts.find((fact) => fact.kind === 'ledgerTrouble')
    expect(trouble?.why).toMatch(why)
    expect(trouble?.why).toContain('splits are kept in memory until it can be used')
    const metrics = await app.metrics()
    expect(metrics).toMatch(/^rcptwise_ledger_durable 0$/m)
    expect(metrics).toMatch(/^rcptwise_ledger_trouble_total 1$/m)
    expect(app.app.ready()).toEqual({ ready: true, reasons: [] })
  },
)
