/** What is read of a file before it is used, counted in octets and not in time. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fillLedger } from '../../support/full-ledger.ts'

const run = promisify(execFile)
const child = join(import.meta.dirname, '../children/octets-read-at-start.ts')

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rcptwise-ledger-'))
})
afterAll(async () => {
  await rm(directory, { recursive: true, force: true })
})

/** Of a ledger of so many open splits, until the first recall is answered. */
async function octetsRead(splits: number): Promise<number> {
  const path = join(directory, `${splits}.db`)
  fillLedger(path, splits)
  const { stdout } = await run(process.execPath, [child, path, String(splits - 1)])
  const { octets, recalled } = JSON.parse(stdout) as { octets: number; recalled: unknown }
  expect(recalled).toEqual([`split${splits - 1}`])
  return octets
}

test('ledger.md: “Until the first mail, the ledger reads as much of a file with a million open splits as of one with a thousand.”', async () => {
  const few = await octetsRead(1000)
  const many = await octetsRead(40_000)
  // A deeper tree is a page more for each look-up.
  expect(many - few).toBeLessThan(64 * 1024)
})
