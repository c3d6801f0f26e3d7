/** The rounds in which the ledger gives up what nobody comes back to. */
import { expect, test } from 'vitest'
import type { Config } from '../../src/config/config.ts'
import { startSweeping } from '../../src/app/sweeping.ts'
import type { Fact } from '../../src/facts/fact.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite/sqlite.ts'
import { splitOf, start } from '../ledger/splits.ts'
import { until } from '../support/lab/until.ts'

const day = 24 * 3_600_000

test('ledger.md: “Once a minute Rcptwise abandons the splits whose time is over, and deletes old ones, until none is left.”', async () => {
  const splits = 450
  const now = (): number => start + 10 * day
  const ledger = await openSqliteLedger({ path: ':memory:', onFact: () => undefined, clock: now })
  for (let n = 0; n < splits; n++) await ledger.save(splitOf(`s${n}`))
  let looks = 0
  const abandoned: Fact[] = []
  const looksAtTheEnd = Promise.withResolvers<number>()
  const sweeping = startSweeping({
    ledger,
    config: () => {
      looks++
      return { ledger: { patienceMs: day, keepMs: 30 * day, missingAfterMs: day } } as Config
    },
    onFact: (fact) => {
      if (fact.kind === 'splitClosed' && abandoned.push(fact) === splits)
        looksAtTheEnd.resolve(looks)
    },
    now,
    steady: () => 0,
    everyMs: 10,
  })
  // More than one round takes, and the next look has to wait for it.
  expect(await looksAtTheEnd.promise).toBe(1)
  await until('the next look comes', () => looks > 1)
  sweeping.stop()
  expect(await ledger.countOpen()).toEqual([])
  await ledger.close()
})
