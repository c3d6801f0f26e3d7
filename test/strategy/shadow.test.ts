/**
 * What another strategy would have cost, counted by hand: each time that a recipient is told to
 * come back only to split.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { StrategyName } from '../../src/strategy/names.ts'
import { shadowCost, type ShadowRecipient } from '../../src/strategy/shadow.ts'
import type { Policy } from '../../src/verdict/policy.ts'
import { knownSender, Machine } from '../support/machine.ts'

/** One letter a recipient: its group; a capital would be refused. */
function recipients(letters: string): ShadowRecipient[] {
  return Array.from(letters, (letter): ShadowRecipient => ({
    group: letter.toLowerCase().charCodeAt(0),
    fate: 'through',
    verdict: letter === letter.toLowerCase() ? 'accept' : 'reject',
  }))
}
const peer = { first: 'largest', maxForcedRetries: 16 } as const

test.each<[string, Partial<Record<StrategyName, number>>]>([
  ['', { off: 0, lenient: 0, late: 0, group: 0, single: 0 }],
  ['a', { off: 0, lenient: 0, late: 0, group: 0, single: 0 }],
  ['aaa', { off: 0, lenient: 0, late: 0, group: 0, single: 3 }],
  // Two groups of which nobody refuses: only group and single notice.
  ['aab', { off: 0, lenient: 0, late: 0, group: 1, single: 3 }],
  ['abbc', { off: 0, lenient: 0, late: 0, group: 3, single: 6 }],
  // b refuses: late splits, and tells b twice to come back.
  ['aaB', { off: 0, lenient: 0, late: 2, group: 1, single: 3 }],
  ['aaBB', { off: 0, lenient: 0, late: 4, group: 2, single: 10 }],
  // The larger group refuses: it is told so last (rule 2), after 3 + 1, then 3 deferrals.
  ['aBBB', { off: 0, lenient: 0, late: 6, group: 7, single: 14 }],
  ['AB', { off: 0, lenient: 0, late: 0, group: 4, single: 4 }],
])('%j', (letters, costs) => {
  for (const [strategy, cost] of Object.entries(costs))
    expect(shadowCost(strategy as StrategyName, recipients(letters), peer), strategy).toBe(cost)
})

/**
 * The same message to the real machine, again and again, by a sender that leaves out whom it has an
 * answer for, declares SIZE and is known to come back: its returns are known at RCPT (rule 10).
 */
function measured(strategy: StrategyName, letters: string): number {
  const addresses = Array.from(letters, (_, i) => `r${i}@example.org`)
  const policyOf = (letter: string): Policy => {
    const group = letter.toLowerCase().charCodeAt(0)
    return {
      name: letter,
      rejectAt: letter === letter.toLowerCase() ? 500 + group : group / 100,
      neverDefer: false,
    }
  }
  const recipients = Object.fromEntries(
    addresses.map((address, i) => [address, policyOf(letters[i] ?? '')]),
  )
  const machine = Machine.ready({
    recipients,
    ...knownSender,
    peer: { strategy, forgiveAfter: 100 },
  })
  let left = addresses
  for (let attempt = 0; attempt < 30 && left.length > 0; attempt += 1) {
    machine.message(left, { judgement: { kind: 'judged', score: 10, symbols: [] } })
    const done = machine.transactions.at(-1)?.recipients.filter(({ final }) => final) ?? []
    left = left.filter((address) => !done.some((recipient) => recipient.address === address))
  }
  expect(left, `${strategy} ${letters} came to an end`).toEqual([])
  const deferrals = machine.transactions.flatMap((transaction) =>
    transaction.recipients.filter(
      ({ fate, final, verdict, reply }) =>
        fate === 'deferred' || (!final && verdict === 'reject' && reply?.startsWith('4') === true),
    ),
  )
  return deferrals.length
}

test('strategies.md: “Rcptwise counts recipients whom it would have told to come back only to split.” “It counts them over all attempts that the message would have taken with a sender that declares SIZE and was seen to come back.”', () => {
  const letters = fc.string({
    unit: fc.constantFrom('a', 'b', 'c', 'D', 'E'),
    minLength: 1,
    maxLength: 6,
  })
  fc.assert(
    fc.property(
      letters,
      fc.constantFrom<StrategyName>('late', 'group', 'single', 'lenient', 'off'),
      (all, strategy) => {
        expect(shadowCost(strategy, recipients(all), peer)).toBe(measured(strategy, all))
      },
    ),
  )
})

test('the sender’s order decides with first: offered', () => {
  expect(shadowCost('group', recipients('abbb'), { ...peer, first: 'offered' })).toBe(3)
  expect(shadowCost('group', recipients('abbb'), peer)).toBe(1)
})

test('a message is let through after so many retries', () => {
  expect(shadowCost('single', recipients('a'.repeat(100)), { ...peer, maxForcedRetries: 2 })).toBe(
    99 + 98,
  )
})

test('strategies.md: “With last_word: backend Rcptwise does not know the verdicts of recipients who share an answer, and counts late as if they agreed.”', () => {
  const unknown: ShadowRecipient[] = [1, 2, 3].map((group) => ({ group, fate: 'through' }))
  expect(shadowCost('late', unknown, peer)).toBe(0)
  expect(shadowCost('late', recipients('aBC'), peer)).toBeGreaterThan(0)
})

test('who was refused or postponed at RCPT costs nothing in any strategy', () => {
  const others: ShadowRecipient[] = [{ fate: 'refused' }, { fate: 'postponed', group: 2 }]
  expect(shadowCost('single', [...recipients('a'), ...others], peer)).toBe(0)
})
