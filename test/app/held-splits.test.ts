/** Whom draining waits for, of all that the ledger has open. */
import { expect, test } from 'vitest'
import { heldSplits } from '../../src/app/draining.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { thisProcess } from '../../src/listen/deliverer.ts'
import type { Split, SplitRecipient } from '../../src/split/split.ts'
import { split } from '../admin/sample-context.ts'

const now = Date.UTC(2026, 0, 1, 1)
const ann = (change: Partial<SplitRecipient>): SplitRecipient => ({
  address: 'ann@example.org',
  state: 'waiting',
  deferrals: 0,
  ...change,
})
/** The same process id at another time: that process lives no more. */
const gone = thisProcess.replace(/\d+$/, '1')

/** How many of these are waited for. */
async function held(
  recipients: readonly SplitRecipient[],
  more: Partial<Split> = {},
): Promise<number> {
  const open: Split = { ...split('AAAABBBBCCCCDDDD'), ...more, recipients }
  const ledger = { openSplits: async () => await Promise.resolve([open]) }
  return (await heldSplits(ledger as unknown as Ledger, now)).held.length
}

test.each([
  ['who waits', ann({}), 0],
  ['whose refusal is kept', ann({ state: 'refused', reply: { code: 550, lines: ['no'] } }), 0],
  ['who has heard 250', ann({ state: 'answered', has: true }), 0],
  ['who has it and was not told so', ann({ state: 'delivered' }), 1],
  [
    'who is being given it in a split',
    ann({ state: 'delivering', by: { process: thisProcess, until: now + 1000 } }),
    1,
  ],
] as const)('%s', async (_, recipient, expected) => {
  expect(await held([recipient])).toBe(expected)
})

test.each([
  ['by a process that is at it', { process: thisProcess, until: now + 1000 }, 0],
  ['by one that had its time', { process: thisProcess, until: now - 1000 }, 1],
  ['by one that was killed', { process: gone, until: now + 1000 }, 1],
] as const)('a message that is no split is being delivered %s', async (_, by, expected) => {
  expect(await held([ann({ state: 'delivering', by })], { deliveriesOnly: true })).toBe(expected)
})

test('a message that is no split, of which somebody has heard nothing, is waited for', async () => {
  const recipients = [ann({ state: 'delivered' }), ann({ address: 'bob@example.org' })]
  expect(await held(recipients, { deliveriesOnly: true })).toBe(1)
})

test('more open splits than are looked at: it is said that not all are known', async () => {
  const many = Array.from({ length: 10_001 }, () => split('AAAABBBBCCCCDDDD'))
  const ledger = { openSplits: async () => await Promise.resolve(many) }
  expect(await heldSplits(ledger as unknown as Ledger, now)).toMatchObject({
    all: false,
    open: 10_000,
  })
})
