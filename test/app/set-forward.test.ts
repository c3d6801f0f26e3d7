/** What a clock that is set does to the time that senders are given, against a clock that goes on. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { SetForward } from '../../src/app/set-forward.ts'
import { sweep } from '../../src/ledger/sweep.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite/sqlite.ts'
import { splitOf, start } from '../ledger/splits.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour
const patience = 5 * day

/** The rounds of a process, one a minute unless told otherwise; what each allows on top. */
function rounds(steps: readonly { readonly passed: number; readonly set?: number }[]): number[] {
  const clocks = { now: start, steady: 0 }
  const forward = new SetForward({ now: () => clocks.now, steady: () => clocks.steady })
  return steps.map(({ passed, set = 0 }) => {
    clocks.now += passed + set
    clocks.steady += passed
    return forward.within(patience)
  })
}

test.each([
  ['nobody sets it', [{ passed: minute }, { passed: minute }], [0, 0]],
  ['the process is held up for an hour', [{ passed: hour }], [0]],
  ['corrected by a second', [{ passed: minute, set: 1000 }], [0]],
  ['a week forward', [{ passed: minute, set: 7 * day }, { passed: minute }], [7 * day, 7 * day]],
  [
    'an hour forward twice',
    [
      { passed: 0, set: hour },
      { passed: 0, set: hour },
    ],
    [hour, 2 * hour],
  ],
  ['back', [{ passed: minute, set: -day }, { passed: minute }], [0, 0]],
  [
    'forward and back',
    [
      { passed: 0, set: day },
      { passed: 0, set: -day },
    ],
    [day, 0],
  ],
  [
    'forward, and the patience has passed since',
    [{ passed: 0, set: day }, { passed: patience }, { passed: minute }],
    [day, day, 0],
  ],
])('%s', (_name, steps, allowed) => {
  expect(rounds(steps)).toEqual(allowed)
})

test('ledger.md: “A clock that is set forward ends no split: Rcptwise gives senders the whole patience again.”', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'rcptwise-clock-'))
  const clocks = { now: start + minute, steady: 0 }
  const now = (): number => clocks.now
  const options = { path: join(directory, 'ledger.db'), onFact: () => undefined, clock: now }
  const ledger = await openSqliteLedger(options)
  const forward = new SetForward({ now, steady: () => clocks.steady })
  const openAfter = async (passed: number, set = 0): Promise<number> => {
    clocks.now += passed + set
    clocks.steady += passed
    const patienceMs = patience + forward.within(patience)
    await sweep({ ledger, patienceMs, keepMs: 30 * day, onFact: () => undefined, now })
    return (await ledger.openSplits(10)).length
  }
  await ledger.save(splitOf('it'))
  expect(await openAfter(minute, 7 * day)).toBe(1)
  expect(await openAfter(patience - hour)).toBe(1)
  expect(await openAfter(2 * hour)).toBe(0)
  await ledger.close()
  await rm(directory, { recursive: true, force: true })
})
