import { describe, expect, expectTypeOf, test } from 'vitest'
import type { Fact } from '../../src/facts/fact.ts'
import { reconcile, reconcilingLedger } from '../../src/ledger/reconcile.ts'
import {
  answerRecipients,
  closeIfDone,
  intendDelivery,
  keepDeliveries,
  keepJudged,
  keepRefusals,
  nextVersion,
  returnRecipients,
  settleDelivery,
} from '../../src/split/split-course.ts'
import type { RecipientState, Split, SplitRecipient } from '../../src/split/split.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite/sqlite.ts'
import { changed, minute, recipientOf, splitOf, start } from './splits.ts'

const [a, b] = ['a@example.org', 'b@example.org'] as const
const stateOf = (split: Split | undefined, address: string): RecipientState | undefined =>
  split?.recipients.find((recipient) => recipient.address === address)?.state
const withState = (state: RecipientState): Split =>
  splitOf('it', { recipients: [{ ...recipientOf(a), state }] })

describe('of a recipient that both know', () => {
  /** From the first to the last that a recipient can come to. */
  const course = [
    'waiting',
    'refused',
    'delivering',
    'delivered',
    'answered',
  ] as const satisfies RecipientState[]
  test('the table has every state', () => {
    expectTypeOf<(typeof course)[number]>().toEqualTypeOf<RecipientState>()
  })
  const pairs = course.flatMap((one, i) => course.slice(i).map((further) => ({ one, further })))
  test.for(pairs)('$one and $further is $further, whoever is first', ({ one, further }) => {
    expect(stateOf(reconcile(withState(one), withState(further)), a)).toBe(further)
    expect(stateOf(reconcile(withState(further), withState(one)), a)).toBe(further)
  })

  test('the later deferral counts, since that is what they come back from', () => {
    const at = (deferredAt: number, deferrals: number): Split =>
      splitOf('it', { recipients: [{ ...recipientOf(a), deferredAt, deferrals }] })
    const expected: SplitRecipient = { ...recipientOf(a), deferredAt: start + minute, deferrals: 3 }
    expect(reconcile(at(start, 3), at(start + minute, 2)).recipients).toEqual([expected])
    expect(reconcile(at(start + minute, 2), at(start, 3)).recipients).toEqual([expected])
  })
})

test('a split without a name that another message took for a part of itself goes on where it was given its name meanwhile', async () => {
  const ledger = await openSqliteLedger({ path: ':memory:', onFact: () => undefined })
  const over = reconcilingLedger(ledger, () => undefined)
  const nameless = splitOf('it')
  await ledger.save(nameless)
  const named = changed(keepDeliveries(nameless, [a], start), {
    fingerprint: 'f'.repeat(64),
    version: 2,
  })
  await ledger.save(named)
  const retired = changed(answerRecipients(nameless, [a, b]), {
    status: 'completed',
    closedAt: start,
    version: 2,
  })
  expect(await over.save(retired)).toEqual({ saved: false })
  expect(await ledger.find('it')).toEqual(named)
  await ledger.close()
})

test('the same where the other message was faster: who has this one is not given it again', async () => {
  const ledger = await openSqliteLedger({ path: ':memory:', onFact: () => undefined })
  const over = reconcilingLedger(ledger, () => undefined)
  const nameless = splitOf('it')
  await ledger.save(nameless)
  const retired = changed(answerRecipients(nameless, [a, b]), {
    status: 'completed',
    closedAt: start,
    version: 2,
  })
  await ledger.save(retired)
  const named = changed(keepDeliveries(nameless, [a], start), {
    fingerprint: 'f'.repeat(64),
    version: 2,
  })
  expect(await over.save(named)).toEqual({ saved: true })
  expect(await ledger.find('it')).toEqual({ ...named, version: 3 })
  await ledger.close()
})

test('the result is the version after the stored one, with everybody in it', () => {
  const ours = splitOf('it', {
    version: 2,
    recipients: [recipientOf(a)],
    forcedRetries: 3,
    idleAttempts: 2,
  })
  const stored = splitOf('it', {
    version: 7,
    recipients: [recipientOf(b)],
    forcedRetries: 2,
    fingerprint: 'f',
  })
  expect(reconcile(ours, stored)).toMatchObject({
    version: 8,
    status: 'open',
    forcedRetries: 3,
    idleAttempts: 0,
    fingerprint: 'f',
    recipients: [{ address: b }, { address: a }],
  })
})

test.for([
  ['is open again when somebody came back as it was given up', 'abandoned', 'waiting', 'open'],
  ['stays closed when nobody is left', 'completed', 'answered', 'completed'],
] as const)('a stored split %s', ([, status, state, merged]) => {
  const stored = { ...withState(state), status, closedAt: start + minute }
  const result = reconcile(withState('waiting'), stored)
  expect(result.status).toBe(merged)
  expect(result.closedAt).toBe(merged === 'open' ? undefined : start + minute)
})

test.each([
  [true, true, true],
  [true, false, undefined],
  [false, true, undefined],
  [false, false, undefined],
])('ours only of deliveries: %s, the stored one: %s; the result: %s', (ours, stored, result) => {
  const of = (only: boolean): Split => splitOf('it', only ? { deliveriesOnly: true } : {})
  expect(reconcile(of(ours), of(stored)).deliveriesOnly).toBe(result)
})

describe('a delivery that has come to nothing', () => {
  const by = { process: 'here', until: start + minute }
  const before = splitOf('it', { recipients: [recipientOf(a), recipientOf(b)] })
  const underWay = intendDelivery(before, [a], by)
  const over = settleDelivery(underWay, [a], new Set())

  test('is under way for nobody any more, whoever writes last', () => {
    // Another transaction has read the split while it was under way.
    const beside = keepDeliveries(underWay, [b], start)
    for (const merged of [reconcile(over, beside), reconcile(beside, over)])
      expect([stateOf(merged, a), stateOf(merged, b)]).toEqual(['waiting', 'delivered'])
  })

  test('whatever has become of them since', () => {
    const refusal = { code: 550, lines: ['5.7.1 no'] as [string] }
    const since = [
      keepRefusals(over, new Map([[a, refusal]]), start),
      keepJudged(over, new Map([[a, refusal]])),
      returnRecipients(keepRefusals(over, new Map([[a, refusal]]), start), [a], start).split,
      intendDelivery(over, [a], { process: 'here', until: start + 2 * minute }),
      settleDelivery(intendDelivery(over, [a], by), [a], new Set([a])),
    ]
    for (const split of since)
      for (const merged of [reconcile(split, underWay), reconcile(underWay, split)])
        expect(merged.recipients[0]).toEqual(split.recipients[0])
  })

  test('another one is under way until it is over itself', () => {
    const next = intendDelivery(over, [a], { process: 'there', until: start + minute })
    for (const merged of [reconcile(over, next), reconcile(next, over)])
      expect(stateOf(merged, a)).toBe('delivering')
  })
})

describe('two messages that were taken for the return of a split whose message was not known yet', () => {
  test('each has a split of its own: nobody is told that they have what they never got', async () => {
    const store = await openSqliteLedger({
      path: ':memory:',
      onFact: () => undefined,
      clock: () => start,
    })
    const ledger = reconcilingLedger(store, () => undefined)
    const nameless = splitOf('it')
    await ledger.save(nameless)
    const one = nextVersion(keepDeliveries({ ...nameless, fingerprint: 'one' }, [a], start))
    expect(await ledger.save(one)).toEqual({ saved: true })
    let other = nextVersion({ ...nameless, fingerprint: 'other' })
    expect(await ledger.save(other)).toEqual({ saved: true })
    // Each further save of either goes to its own.
    other = nextVersion(keepDeliveries(other, [b], start))
    expect(await ledger.save(other)).toEqual({ saved: true })
    expect(await ledger.save(nextVersion(one))).toEqual({ saved: true })
    other = nextVersion(other)
    expect(await ledger.save(other)).toEqual({ saved: true })
    const open = await store.openSplits(10)
    expect(
      open.map((split) => [split.fingerprint, stateOf(split, a), stateOf(split, b)]).toSorted(),
    ).toEqual([
      ['one', 'delivered', 'waiting'],
      ['other', 'waiting', 'delivered'],
    ])
    await store.close()
  })
})

test('who left without a text, and was waited for with others, has a split apart from the message that was given its name meanwhile', async () => {
  const store = await openSqliteLedger({
    path: ':memory:',
    onFact: () => undefined,
    clock: () => start,
  })
  const ledger = reconcilingLedger(store, () => undefined)
  const nameless = splitOf('it', { recipients: [recipientOf(a)] })
  await ledger.save(nameless)
  const told = { ...answerRecipients(nameless, [a]), fingerprint: 'one' }
  const named = nextVersion(closeIfDone(told, start))
  expect(await ledger.save(named)).toEqual({ saved: true })
  const left = nextVersion({ ...nameless, recipients: [recipientOf(a), recipientOf(b)] })
  expect(await ledger.save(left)).toEqual({ saved: true })
  expect(await store.find('it')).toMatchObject({ status: 'completed', fingerprint: 'one' })
  const open = await store.openSplits(10)
  expect(open.map((split) => [split.fingerprint, stateOf(split, a), stateOf(split, b)])).toEqual([
    [undefined, 'waiting', 'waiting'],
  ])
  await store.close()
})

describe('two transactions that go on from one version', () => {
  async function both(first: (split: Split) => Split, second: (split: Split) => Split) {
    const facts: Fact[] = []
    const store = await openSqliteLedger({
      path: ':memory:',
      onFact: () => undefined,
      clock: () => start,
    })
    const ledger = reconcilingLedger(store, (fact) => facts.push(fact))
    const split = splitOf('it')
    await ledger.save(split)
    const results = [
      await ledger.save(nextVersion(first(split))),
      await ledger.save(nextVersion(second(split))),
    ]
    const stored = await store.find('it')
    await store.close()
    return { facts, results, stored }
  }

  test('both are kept: who has the message does not get it again', async () => {
    const { results, stored, facts } = await both(
      (split) => keepDeliveries(split, [a], start),
      (split) => answerRecipients(split, [b]),
    )
    expect(results).toEqual([{ saved: true }, { saved: true }])
    expect([stateOf(stored, a), stateOf(stored, b), stored?.version]).toEqual([
      'delivered',
      'answered',
      3,
    ])
    expect(facts).toEqual([])
  })

  test('end it together, which is told once', async () => {
    const answer = (address: string) => (split: Split) =>
      closeIfDone(answerRecipients(split, [address]), start)
    const { stored, facts } = await both(answer(a), answer(b))
    expect(stored?.status).toBe('completed')
    expect(facts).toMatchObject([
      { kind: 'splitClosed', split: 'it', outcome: 'completed', abandonedRecipients: [] },
    ])
  })
})

test('a split that is not stored any more is not made anew', async () => {
  const store = await openSqliteLedger({ path: ':memory:', onFact: () => undefined })
  const ledger = reconcilingLedger(store, () => undefined)
  expect(await ledger.save(changed(splitOf('it')))).toEqual({ saved: false })
  await store.close()
})
