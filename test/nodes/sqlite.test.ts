/** The front-ends of a run share a real ledger: SQLite's, in memory. */
import { expect, test } from 'vitest'
import { openSqliteLedger } from '../../src/ledger/sqlite/sqlite.ts'
import { type Outcome, simulateNodes, unexplained } from './run.ts'

async function runOnSqlite(): Promise<Outcome> {
  const ledger = await openSqliteLedger({ path: ':memory:', onFact: () => undefined })
  try {
    const options = { seed: 5, nodes: 10, minutes: 2, rate: 3, strategy: 'group' } as const
    return await simulateNodes({ ...options, store: ledger })
  } finally {
    await ledger.close()
  }
}

test('ten front-ends on a ledger of SQLite: each count is explained, and it is the same each time', async () => {
  const [one, again] = [await runOnSqlite(), await runOnSqlite()]
  expect(unexplained(one)).toEqual([])
  expect(one.figures.splits.get('completed')).toBeGreaterThan(10)
  expect(again.digest).toBe(one.digest)
})
