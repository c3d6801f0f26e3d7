/** `log.messages: notable` (docs/log.md). */
import { expect, test } from 'vitest'
import type { TransactionFact } from '../../src/facts/transaction.ts'
import { logFromFacts } from '../../src/log/from-facts.ts'
import { createLog } from '../../src/log/log.ts'
import { recipient, transaction } from '../metrics/sample-facts.ts'

const usual = {
  mode: 'plain',
  outcome: 'accepted',
  recipients: [recipient('a@example.org')],
} as const
const lines = (messages: 'all' | 'notable', fact: TransactionFact): number => {
  let text = ''
  const log = createLog({ level: 'info', format: 'json', write: (line) => (text += line) })
  logFromFacts(log, messages)(fact)
  return text.split('\n').length - 1
}

const other = (change: Partial<Parameters<typeof recipient>[1]>): Partial<TransactionFact> => ({
  recipients: [recipient('a@example.org'), recipient('b@example.org', change)],
})

test('log.md: “Rcptwise leaves out the line of a message that the server behind took for everybody, unmarked, in one attempt that nothing was guessed about.”', () => {
  const fact = transaction(usual)
  expect([lines('all', fact), lines('notable', fact)]).toEqual([1, 0])
})

test.each<[string, Partial<TransactionFact>]>([
  ['one is marked', other({ verdict: 'tag' })],
  ['one is kept in quarantine', other({ verdict: 'quarantine' })],
  ['one is thrown away', other({ verdict: 'discard' })],
  ['one refuses', { ...other({ verdict: 'reject' }), outcome: 'mixed' }],
  ['one is refused at RCPT', other({ fate: 'refused' })],
  ['one is put off at RCPT', other({ fate: 'postponed' })],
  ['one is deferred', other({ fate: 'deferred' })],
  ['one has it already', other({ duplicate: true })],
  ['it is refused', { outcome: 'refused' }],
  ['it is put off', { outcome: 'deferred' }],
  ['it is broken off', { outcome: 'aborted' }],
  ['nobody was named', { recipients: [] }],
  ['it belongs to a split', { split: 'ABCDEFGHIJKLMNOP' }],
  ['it is forgiven', { unsplit: 'forgiven' }],
  ['it was guessed about', { guess: 'wrong' }],
  ['it came back', { cameBack: { sameConnection: false, elsewhere: false, otherHost: false } }],
  ['what would have been comes behind it', { observed: true }],
])('log.md: “Everything else has its line” %s', (_, change) => {
  expect(lines('notable', transaction({ ...usual, ...change }))).toBe(1)
})
