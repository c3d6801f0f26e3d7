/**
 * What is opened for one configuration is closed when its last session has ended, and not before.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Generation, openGeneration, type OutlivingParts } from '../../src/app/generation.ts'
import { leasedParts } from '../../src/app/leased-parts.ts'
import { Leases } from '../../src/app/leases.ts'
import { noNeighbours } from '../../src/backend/endpoints/room.ts'
import type { Config } from '../../src/config/config.ts'
import { parseConfig } from '../../src/config/load.ts'
import { headersJudge } from '../../src/judge/headers.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite/sqlite.ts'
import type { ClientLimits } from '../../src/listen/client-limits.ts'

let directory = ''
let ledger: Ledger
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rcptwise-generation-'))
  ledger = await openSqliteLedger({ path: ':memory:', onFact: () => undefined })
})
afterAll(async () => {
  await ledger.close()
  await rm(directory, { recursive: true })
})

function configOf(yaml: string): Config {
  const loaded = parseConfig(
    `data_directory: ${directory}\n${yaml}`,
    join(directory, 'config.yaml'),
  )
  if (!loaded.ok) throw new Error(loaded.problems.map(({ message }) => message).join('; '))
  return loaded.config
}

/** `closed` counts how often the judge was closed. */
function openWith(yaml: string): {
  readonly opening: Promise<Generation>
  readonly closed: () => number
} {
  let closed = 0
  const judge = {
    ...headersJudge({ field: 'X-Spam-Score', believes: () => true }),
    close: async (): Promise<void> => {
      closed++
      await Promise.resolve()
    },
  }
  const outliving = {
    ledger,
    ...leasedParts({ onFact: () => undefined, now: () => 0, neighbours: noNeighbours }),
    judges: new Leases({ open: () => judge }),
    certificates: async () => await Promise.resolve(undefined),
    budget: undefined,
    allowance: undefined,
    onFact: () => undefined,
    now: () => 0,
    newId: () => 'id',
  } as unknown as OutlivingParts
  const opening = openGeneration(configOf(yaml), outliving)
  return { opening, closed: () => closed }
}

test('a judge is closed with the last session of its configuration, once', async () => {
  const { opening, closed } = openWith('hostname: mx.test')
  const generation = await opening
  const [listener] = generation.config.listen
  if (listener === undefined) throw new Error('nothing listens by default')
  const serving = generation.serving(listener, undefined as unknown as ClientLimits)
  const session = serving.connection({ address: '192.0.2.1', port: 1 }, { takes: () => undefined })
  const retired = new Promise<void>((resolve) => generation.retire(resolve))
  expect(closed()).toBe(0)
  session.onEnd()
  await retired
  expect(closed()).toBe(1)
  await generation.close()
  expect(closed()).toBe(1)
})

test('a judge of a configuration that can not be used is not left open', async () => {
  const { opening, closed } = openWith(
    'recipients: { default: careful, sources: [{ file: none.yaml }] }',
  )
  await expect(opening).rejects.toThrow(/none\.yaml/)
  expect(closed()).toBe(1)
})
