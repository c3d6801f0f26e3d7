/** A small edition of `npm run simulate`: ten front-ends, some hundreds of messages. */
import { expect, test } from 'vitest'
import { MemoryStore } from './memory-store.ts'
import { reportOf } from './report.ts'
import { type RunOptions, simulateNodes, unexplained } from './run.ts'
import type { Shares } from './population.ts'
import { troubles } from './trouble.ts'

/** Many recipients, and half of the mail suspicious: most messages divide theirs. */
const dividing: Shares = {
  recipients: { '1': 10, '2': 30, '3': 30, '6': 25, '20': 5 },
  scores: { '0': 40, '9': 30, '20': 30 },
}

const small: RunOptions = {
  seed: 1,
  nodes: 10,
  minutes: 1,
  rate: 4,
  strategy: 'late',
  shares: dividing,
}

test.each(['late', 'group', 'single', 'auto', 'lenient'] as const)(
  'ten front-ends with %s: nobody loses a message, has it twice, or waits for ever, without a reason',
  async (strategy) => {
    const outcome = await simulateNodes({ ...small, strategy })
    expect(unexplained(outcome)).toEqual([])
    expect(outcome.figures.messages).toBeGreaterThan(150)
    const forced = [...outcome.figures.strategies.values()].map((one) => one.forcedRetries)
    if (strategy === 'lenient') expect(forced).toEqual([0])
    else expect(Math.max(...forced)).toBeGreaterThan(20)
    expect(reportOf(outcome)).toMatch(/^lost {5}0 {10}0$/m)
  },
)

test.each([1, 2, 3])(
  'ten front-ends that are killed, stopped, cut off and set otherwise, a ledger that goes away and forgets (seed %i): each count is explained',
  async (seed) => {
    const options = {
      ...small,
      seed,
      minutes: 3,
      rate: 2,
      strategy: 'late',
      trouble: true,
    } as const
    const outcome = await simulateNodes(options)
    expect(unexplained(outcome)).toEqual([])
    // In so short a time one may find no room beside another.
    expect(outcome.figures.troubles.size).toBeGreaterThan(Object.keys(troubles).length - 3)
  },
)

test('front-ends without a common ledger deliver twice, and the count says why', async () => {
  const apart = await simulateNodes({ ...small, minutes: 0.3, ledgers: 2 })
  expect(unexplained(apart)).toEqual([])
  const doubled = apart.findings.filter(({ fault }) => fault === 'doubled')
  expect(doubled.map(({ because }) => because)).toContain(
    'the sender came to front-ends of another ledger',
  )
})

test('the same seed gives the same run to the octet, and another one another run', async () => {
  const [one, again, other] = [
    await simulateNodes({ ...small, trouble: true }),
    await simulateNodes({ ...small, trouble: true }),
    await simulateNodes({ ...small, trouble: true, seed: 2 }),
  ]
  expect(reportOf(again)).toBe(reportOf(one))
  expect(again.digest).toBe(one.digest)
  expect(other.digest).not.toBe(one.digest)
})

test('a ledger that forgets what it was told is seen', async () => {
  class Forgetful extends MemoryStore {
    override save(): { readonly saved: boolean } {
      return { saved: true }
    }
  }
  const outcome = await simulateNodes({ ...small, minutes: 0.2, store: new Forgetful() })
  const faults = new Set(unexplained(outcome).map(({ fault }) => fault))
  expect([...faults]).toContain('doubled')
})
