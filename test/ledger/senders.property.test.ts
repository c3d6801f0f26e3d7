/** What is known of a sender after several changes, whichever of them are written together. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  applyChange,
  joinChanges,
  mostDelays,
  type SenderChange,
  type SenderRecord,
} from '../../src/ledger/senders.ts'

const name = 'a.example'
const pin = fc.record(
  {
    strategy: fc.constant('late' as const),
    by: fc.constant('x'),
    at: fc.nat(9),
    until: fc.nat(30),
  },
  { requiredKeys: ['strategy', 'by', 'at'] },
)
const counted = fc.record(
  {
    counts: fc.dictionary(fc.constantFrom('deferred', 'returned'), fc.integer({ min: 1, max: 5 }), {
      minKeys: 1,
    }),
    delays: fc.array(fc.nat(9), { minLength: 1, maxLength: mostDelays + 2 }),
    seen: fc.integer({ min: 1, max: 9 }),
  },
  { requiredKeys: ['counts'] },
)
const byHand = fc.oneof(
  fc.record({ pin: fc.oneof(pin, fc.constant(false as const)) }),
  fc.constant({ forget: true as const }),
  fc.constant({}),
)
/** One after the other, as time goes. */
const changes = fc
  .array(fc.tuple(fc.oneof(counted, byHand), fc.nat(3)), { minLength: 1, maxLength: 8 })
  .map((all) => {
    let at = 0
    return all.map(([one, after]): SenderChange => ({ name, at: (at += after), ...one }))
  })

const applied = (record: SenderRecord | undefined, all: readonly SenderChange[]) =>
  all.reduce(applyChange, record)

test('changes that are joined before they are written leave what they leave one by one', () => {
  fc.assert(
    fc.property(changes, fc.nat(7), (all, cut) => {
      const before = applied(undefined, all.slice(0, cut))
      const joined = all.slice(cut).reduce<SenderChange | undefined>(joinChanges, undefined)
      const together = joined === undefined ? before : applyChange(before, joined)
      expect(together).toEqual(applied(before, all.slice(cut)))
      expect(together?.delays?.length ?? 0).toBeLessThanOrEqual(mostDelays)
    }),
    { numRuns: 2000 },
  )
})
