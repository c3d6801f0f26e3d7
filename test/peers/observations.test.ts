/** What one transaction teaches. */
import { expect, test } from 'vitest'
import type { TransactionFact } from '../../src/facts/transaction.ts'
import { lessonsOf, seenOfSplits } from '../../src/peers/observations.ts'
import { recipient, transaction } from '../metrics/sample-facts.ts'

const through = recipient('a@example.org')
const deferred = recipient('b@example.org', {
  fate: 'deferred',
  final: false,
  reply: '451 4.5.3 later',
})
const refusedLater = recipient('b@example.org', {
  verdict: 'reject',
  final: false,
  reply: '451 4.5.3 later',
})
const back = (ms: number) => recipient('b@example.org', { returnedAfterMs: ms })
const withoutText = ({ textMs, ...fact }: TransactionFact): TransactionFact =>
  textMs === undefined ? fact : fact
const noText = withoutText(transaction({ outcome: 'aborted' }))

test.each<[string, Partial<TransactionFact>, ReturnType<typeof lessonsOf>]>([
  ['an ordinary message', {}, { messages: 1 }],
  [
    'someone is deferred at RCPT',
    { recipients: [through, deferred] },
    { messages: 1, deferred: 1 },
  ],
  ['a refusal is kept back', { recipients: [through, refusedLater] }, { messages: 1, deferred: 1 }],
  [
    'it comes back to another of our addresses',
    {
      recipients: [back(61_000)],
      cameBack: { sameConnection: false, elsewhere: true, otherHost: false },
    },
    { messages: 1, returned: 1, within5m: 1, elsewhere: 1 },
  ],
  [
    'it goes on in the same connection',
    {
      recipients: [back(20), deferred],
      cameBack: { sameConnection: true, elsewhere: false, otherHost: false },
    },
    { messages: 1, deferred: 1, returned: 1, within1m: 1, sameConnection: 1 },
  ],
  ['a filter tells it to come again: it is counted when it does', { deferredByJudge: true }, {}],
  ['PRDR', { mode: 'prdr', recipients: [through, refusedLater] }, undefined],
  ['the site’s own networks', { unsplit: 'trusted' }, undefined],
  ['nobody vouches', { vouched: false, recipients: [through, deferred] }, undefined],
])(
  '%s, strategies.md: “Rcptwise learns in sums and keeps no log:” “attempts in which somebody was deferred” “attempts that came back, and after how long” “attempts that came back in the same connection, or at another address of Rcptwise”',
  (_name, change, lessons) => {
    expect(lessonsOf(transaction({ vouched: true, ...change }))).toEqual(lessons)
  },
)

test('it is not known who vouches: nothing', () => {
  expect(lessonsOf(transaction({ recipients: [through, deferred] }))).toBeUndefined()
})

test('strategies.md: “attempts that broke off at the first deferred recipient” Once someone was deferred', () => {
  const cut = { ...noText, vouched: true, recipients: [through, deferred] }
  expect(lessonsOf(cut)).toEqual({ deferred: 1, cutOff: 1 })
  expect(lessonsOf({ ...cut, recipients: [deferred] }), 'nobody went through: what else').toEqual({
    deferred: 1,
  })
  expect(lessonsOf({ ...cut, recipients: [through] }), 'nobody was deferred').toEqual({})
})

test.each<[string, Partial<TransactionFact>, ReturnType<typeof seenOfSplits>]>([
  ['an ordinary message', {}, undefined],
  ['two are deferred', { recipients: [through, deferred, deferred] }, { forcedRetries: 2 }],
  ['a refusal is kept back', { recipients: [through, refusedLater] }, { forcedRetries: 1 }],
  [
    'it comes back, the slowest recipient after a minute, and somebody is deferred again',
    { recipients: [back(20_000), back(61_400), deferred] },
    { forcedRetries: 1, delay: 61 },
  ],
  ['PRDR', { mode: 'prdr', recipients: [through, refusedLater] }, undefined],
  ['the site’s own networks', { unsplit: 'trusted', recipients: [deferred] }, undefined],
])('what splitting has cost its sender: %s', (_name, change, seen) => {
  for (const vouched of [true, false])
    expect(seenOfSplits(transaction({ vouched, ...change }))).toEqual(seen)
})
