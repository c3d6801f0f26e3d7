/** A front-end's own words of its ledger, and what the count makes of them. */
import { expect, test } from 'vitest'
import { awayIn } from './away.ts'
import { Evidence } from './evidence.ts'
import type { Entry } from './journal.ts'

const line = (at: number, event: string, pid: number): string =>
  `${JSON.stringify({ level: 'warn', time: new Date(at).toISOString(), event, pid })}\n`

test('from trouble to recovery, process by process; without end where it never came back', () => {
  const log = [
    line(1000, 'ledgerTrouble', 1),
    line(1500, 'ledgerTrouble', 1),
    '{"event":"ledgerTrouble","pid":1,"ti\n',
    line(2000, 'ledgerTrouble', 2),
    line(2500, 'transactionEnded', 1),
    line(3000, 'ledgerRecovered', 1),
    line(4000, 'ledgerRecovered', 3),
  ].join('')
  expect(awayIn(log, 7)).toEqual([
    { what: 'away', at: 1000, front: 7, to: 3000 },
    { what: 'away', at: 2000, front: 7 },
  ])
})

test.each([
  ['before it', 80_000, 90_000, false],
  ['while a question had no answer yet', 98_000, 99_500, true],
  ['until it was used again', 104_000, 104_500, true],
  ['long behind it', 120_000, 130_000, false],
] as const)('the ledger was away: %s', (_name, from, to, was) => {
  const entries: Entry[] = [{ what: 'away', at: 100_000, front: 0, to: 103_000 }]
  expect(new Evidence(entries, 'late').ledgerWasAway(from, to, [])).toBe(was)
})
