/** A front-end's own words of its ledger, and what the count makes of them. */
import { expect, test } from 'vitest'
import { awayIn } from './away.ts'
import { Evidence } from './evidence.ts'
import { transaction } from './few-entries.ts'

const line = (at: number, event: string, pid: number): string =>
  `${JSON.stringify({ level: 'warn', time: new Date(at).toISOString(), event, pid })}\n`

test('from trouble to recovery, process by process; to its last line where it ended before', () => {
  const log = [
    line(1000, 'ledgerTrouble', 1),
    line(1500, 'ledgerTrouble', 1),
    '{"event":"ledgerTrouble","pid":1,"ti\n',
    line(2000, 'ledgerTrouble', 2),
    line(2500, 'transactionEnded', 1),
    line(3000, 'ledgerRecovered', 1),
    line(4000, 'ledgerRecovered', 3),
    line(5000, 'transactionEnded', 2),
  ].join('')
  expect(awayIn(log, 7)).toEqual([
    { what: 'away', at: 1000, front: 7, to: 3000 },
    { what: 'away', at: 2000, front: 7, to: 5000 },
  ])
})

test.each([
  ['before it', 0, [80_000, 90_000], false],
  ['while a question had no answer yet', 0, [98_000, 99_500], true],
  ['until it was used again', 0, [104_000, 104_500], true],
  ['long behind it', 0, [120_000, 130_000], false],
  ['at another front-end', 1, [100_000, 103_000], false],
] as const)('the ledger was away for a message: %s', (_name, front, [from, to], was) => {
  const evidence = new Evidence([{ what: 'away', at: 100_000, front: 0, to: 103_000 }], 'late')
  const own = transaction(from, '451 later', { front, from, to })
  expect(evidence.ledgerWasAway(from, 200_000, [own])).toBe(was)
})

test('whoever had no transaction there is not explained by it', () => {
  const evidence = new Evidence([{ what: 'away', at: 100_000, front: 0, to: 103_000 }], 'late')
  expect(evidence.ledgerWasAway(0, 200_000, [])).toBe(false)
})
