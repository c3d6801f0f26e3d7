/** The safety net: who was deferred and is not offered again. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Fact } from '../../src/facts/fact.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { listMissing, noteMissing } from '../../src/ledger/missing.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite/sqlite.ts'
import {
  answerRecipients,
  deferRecipients,
  nextVersion,
  returnRecipients,
} from '../../src/split/split-course.ts'
import type { Split } from '../../src/split/split.ts'
import { changed, closed, minute, recipientOf, splitOf, start } from './splits.ts'

const missingAfterMs = 240 * minute
const [a, b, c] = ['a@example.org', 'b@example.org', 'c@example.org']
let now: number
let ledger: Ledger
let facts: Fact[]

beforeEach(async () => {
  now = start
  facts = []
  ledger = await openSqliteLedger({ path: ':memory:', onFact: () => undefined, clock: () => now })
})
afterEach(async () => {
  await ledger.close()
})

const look = async (): ReturnType<typeof noteMissing> =>
  await noteMissing({ ledger, missingAfterMs, onFact: (fact) => facts.push(fact), now: () => now })
const listed = async (): Promise<string[]> =>
  (await listMissing(ledger, now - missingAfterMs, 100)).map(({ id }) => id)

/** `a` has the message; `b` waits, `c` would be refused. */
const half = (id: string, change: Partial<Split> = {}): Split =>
  splitOf(id, {
    vouched: true,
    attempt: {
      session: 'S1',
      transaction: 'S1.1',
      address: '192.0.2.1',
      rdns: 'mx.sender.example',
    },
    recipients: [
      { address: a, state: 'answered', deferrals: 0 },
      recipientOf(b),
      { ...recipientOf(c), state: 'refused', reply: { code: 550, lines: ['no'] } },
    ],
    ...change,
  })

test('strategies.md: “A deferred recipient is missing when others have their answer for the message, and nobody has offered the recipient again within ledger.missing_after (4 h).” “The mail may be lost to such a recipient” “Whatever the strategy, Rcptwise logs a warning (recipientsMissing).” “It counts them”', async () => {
  await ledger.save(half('lost'))
  now = start + missingAfterMs
  expect(await look()).toEqual([])
  expect(facts).toEqual([])
  now += 1
  const counts = [{ peer: 'default', strategy: 'group', recipients: 2 }]
  expect(await look()).toEqual(counts)
  expect(await look()).toEqual(counts)
  expect(facts).toEqual([
    {
      kind: 'recipientsMissing',
      transaction: 'S1.1',
      at: now,
      split: 'lost',
      peer: 'default',
      strategy: 'group',
      reversePath: 'sender@example.net',
      recipients: [
        { address: b, state: 'waiting' },
        { address: c, state: 'refused' },
      ],
      othersAnswered: true,
      lastAttemptAt: start,
      client: { address: '192.0.2.1', rdns: 'mx.sender.example' },
      vouched: true,
    },
  ])
  expect(await listed()).toEqual(['lost'])
})

test('strategies.md: “A recipient whom the sender offers after all leaves the list.”', async () => {
  await ledger.save(half('late'))
  now = start + missingAfterMs + 1
  await look()
  const noted = await ledger.find('late')
  if (noted === undefined) throw new Error('the split is gone')
  const { split } = returnRecipients(noted, [b, c], now)
  await ledger.save(nextVersion(deferRecipients(answerRecipients(split, [b]), [c], now)))
  expect(await listed()).toEqual([])
  expect(await look()).toEqual([])
  now += missingAfterMs + 1
  expect(await look(), 'c was deferred once more, and that was the end').toMatchObject([
    { recipients: 1 },
  ])
  expect(facts).toHaveLength(2)
})

test('a message that nobody has is told of, and is no loss', async () => {
  await ledger.save(splitOf('failed'))
  now = start + missingAfterMs + 1
  expect(await look()).toEqual([{ peer: 'default', strategy: 'group', recipients: 0 }])
  expect(facts).toMatchObject([
    { kind: 'recipientsMissing', othersAnswered: false, vouched: false },
  ])
  expect(await listed()).toEqual([])
})

test('closed splits, records of deliveries, and those who were never told to wait are not looked at', async () => {
  await ledger.save(half('done'))
  await ledger.save(closed(half('done'), start))
  await ledger.save(half('deliveries', { deliveriesOnly: true }))
  await ledger.save(
    half('untold', {
      recipients: [
        { address: a, state: 'delivered', deferredAt: start, deferrals: 0 },
        { address: b, state: 'waiting', deferrals: 0 },
      ],
    }),
  )
  now = start + missingAfterMs + 1
  await look()
  expect(facts).toEqual([])
})

test('another attempt in the same moment wins', async () => {
  await ledger.save(half('raced'))
  now = start + missingAfterMs + 1
  const racing: Ledger = Object.create(ledger, {
    save: {
      value: async (split: Split) => {
        await ledger.save(changed(half('raced'), { lastAttemptAt: now }))
        return await ledger.save(split)
      },
    },
    stale: {
      value: async (before: number, limit: number, since?: number) =>
        await ledger.stale(before, limit, since),
    },
  }) as Ledger
  await noteMissing({
    ledger: racing,
    missingAfterMs,
    onFact: (fact) => facts.push(fact),
    now: () => now,
  })
  expect(facts).toEqual([])
})

test('whom a filter has told to come again is missed as well, and teaches nothing about the sender', async () => {
  await ledger.save(half('greylisted', { deferredByJudge: true }))
  now = start + missingAfterMs + 1
  await look()
  expect(facts).toMatchObject([{ kind: 'recipientsMissing', vouched: false }])
})

test('strategies.md: “over the 10,000 splits that were not attempted for longest.” More than one page, each split once', async () => {
  for (let i = 0; i < 450; i += 1)
    await ledger.save(half(`s${i}`, { startedAt: start + i, lastAttemptAt: start + i }))
  now = start + missingAfterMs + 1000
  expect(await look()).toEqual([{ peer: 'default', strategy: 'group', recipients: 900 }])
  expect(facts).toHaveLength(450)
})
