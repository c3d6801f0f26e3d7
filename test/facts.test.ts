/** Which kinds of facts belong to a transaction: as types, and in the lines of the log. */
import { expect, test } from 'vitest'
import type { Fact } from '../src/facts/fact.ts'
import { logFromFacts } from '../src/log/from-facts.ts'
import { createLog } from '../src/log/log.ts'
import { transaction } from './metrics/sample-facts.ts'

type Kind = Fact['kind']
type OfKind<K extends Kind> = Extract<Fact, { readonly kind: K }>
/** Of the facts of one kind: `always` where none can be made without the id of a transaction. */
type Belongs<K extends Kind> =
  OfKind<K> extends { readonly transaction: string }
    ? 'always'
    : 'transaction' extends (
          OfKind<K> extends infer One ? (One extends One ? keyof One : never) : never
        )
      ? 'sometimes'
      : 'never'

/** The compiler compares each line with the facts: a new kind has to get its line. */
const belonging: { readonly [K in Kind]: Belongs<K> } = {
  transactionEnded: 'always',
  messageIdRead: 'always',
  judged: 'always',
  judgeLeftOut: 'always',
  foreignFieldsRemoved: 'always',
  judgeServerDown: 'never',
  judgeServerBack: 'never',
  bounce: 'always',
  messageObserved: 'always',
  messageNotObserved: 'always',
  policyFailed: 'always',
  spoolFailed: 'always',
  splitOpened: 'always',
  backendDelivered: 'always',
  // On the connection that a transaction has; before that it is nobody's.
  backendFailed: 'sometimes',
  // AUTH comes before MAIL.
  backendRefusesUs: 'sometimes',
  // A session, a client and all together have limits too.
  limitReached: 'sometimes',
  // Of the last attempt, where the ledger knows it.
  splitClosed: 'sometimes',
  recipientsMissing: 'sometimes',
  splitForgiven: 'never',
  drainChanged: 'never',
  sessionOpened: 'never',
  sessionSecured: 'never',
  sessionClosed: 'never',
  tlsFailed: 'never',
  connectionRefused: 'never',
  certificateLoaded: 'never',
  certificateKept: 'never',
  certificateExpires: 'never',
  strategyChanged: 'never',
  senderLearned: 'never',
  senderChanged: 'never',
  // A source is not told whose recipients they are.
  policiesAsked: 'never',
  policiesRecalled: 'never',
  // It may be kept for other transactions.
  policyWrong: 'never',
  aliasesWrong: 'never',
  policiesLoaded: 'never',
  policiesKept: 'never',
  backendConnected: 'never',
  backendEjected: 'never',
  backendFull: 'never',
  backendReturned: 'never',
  ledgerTrouble: 'never',
  ledgerRecovered: 'never',
  historyWritten: 'never',
  historyLeftOut: 'never',
  historyTrouble: 'never',
  historyRecovered: 'never',
  workerHung: 'never',
  workerLost: 'never',
  configLoaded: 'never',
  configKept: 'never',
}

const id = { at: 1, transaction: 'S1.7' } as const
const messageId = '<1@client.test>'
const split = { split: 'ABCDEFGHIJKLMNOP', peer: 'default', strategy: 'group' } as const

/** Of every kind that can belong to one. */
const samples: readonly Fact[] = [
  transaction({ ...id, messageId }),
  { ...id, kind: 'messageIdRead', messageId },
  { ...id, kind: 'judged', judge: 'headers', result: 'failed', ms: 1, why: 'gone' },
  { ...id, kind: 'judgeLeftOut', judge: 'rspamd', what: 'a header field' },
  { ...id, kind: 'foreignFieldsRemoved', names: ['X-Spam-Score'] },
  { ...id, kind: 'bounce', session: 'S1', peer: 'default', reversePath: 'a@b', result: 'reported' },
  {
    ...id,
    kind: 'messageObserved',
    peer: 'default',
    recipients: [
      {
        address: 'a@b',
        verdict: 'accept',
        reason: { because: 'not judged' },
        at: 'text',
        told: '250 Ok',
      },
    ],
    divided: false,
    messageId,
    ms: 1,
  },
  { ...id, kind: 'messageNotObserved', peer: 'default', messageId, why: 'crowded' },
  { ...id, kind: 'policyFailed', recipient: 'a@b', source: 'sql', why: 'gone' },
  { ...id, kind: 'spoolFailed', why: 'disk full' },
  { ...id, ...split, kind: 'splitOpened' },
  { ...id, kind: 'backendDelivered', server: 'smtp://x', code: 250, ms: 1 },
  { ...id, kind: 'backendFailed', server: 'smtp://x', step: 'text', why: 'lost' },
  { ...id, kind: 'backendRefusesUs', server: 'smtp://x', step: 'rcpt', reply: '530 5.7.0 no' },
  { ...id, kind: 'limitReached', limit: 'recipients', session: 'S1' },
  {
    ...id,
    ...split,
    kind: 'splitClosed',
    outcome: 'completed',
    durationMs: 1,
    abandonedRecipients: [],
  },
  {
    ...id,
    ...split,
    kind: 'recipientsMissing',
    reversePath: 'a@b',
    recipients: [],
    othersAnswered: true,
    lastAttemptAt: 1,
    vouched: false,
  },
]

test('every kind that can belong to a transaction has a sample here', () => {
  const can = Object.entries(belonging).filter(([, belongs]) => belongs !== 'never')
  expect(new Set(samples.map(({ kind }) => kind))).toEqual(new Set(can.map(([kind]) => kind)))
})

/** Told by the line of its transaction. */
const untold: ReadonlySet<Kind> = new Set(['backendDelivered', 'messageIdRead'])
/** Before there is a text; or the last one of a message that is known by its split. */
const withoutMessageId: ReadonlySet<Kind> = new Set(['policyFailed', 'recipientsMissing'])

test.each(samples)(
  'a log line of $kind says which transaction it belongs to, and the Message-ID once that is read',
  (fact) => {
    let text = ''
    const log = logFromFacts(
      createLog({ level: 'debug', format: 'json', write: (line) => (text += line) }),
    )
    log({ ...id, kind: 'messageIdRead', messageId })
    log(fact)
    if (untold.has(fact.kind)) return expect(text).toBe('')
    expect(JSON.parse(text)).toMatchObject({
      transaction: 'S1.7',
      ...(!withoutMessageId.has(fact.kind) && { messageId }),
    })
  },
)
