/** Each way to an outcome, and the reason that stands in the facts and in the ledger for it. */
import { describe, expect, test } from 'vitest'
import type { RecipientFact } from '../../src/facts/transaction.ts'
import {
  describeReason,
  overrulingWords,
  type Reason,
  reasonWords,
  recipientLimits,
  thresholdWords,
} from '../../src/verdict/reason.ts'
import type { Policy } from '../../src/verdict/policy.ts'
import { knownSender, Machine, type MachineOptions, policies } from '../support/machine.ts'

const [a, b, c] = ['a@example.org', 'b@example.org', 'c@example.org'] as const
const scored = (score: number) => ({ judgement: { kind: 'judged', score, symbols: [] } }) as const
const spam = scored(9)
const no = { code: 550, lines: ['5.1.1 no'] } as const
/** `a` gets spam marked, `b` refuses it. */
const two = { recipients: { [a]: policies.tagOnly, [b]: policies.strict } } as const
const three = { recipients: { ...two.recipients, [c]: policies.boxed } } as const
const tagged = 'tag_at (score 9, threshold 6)'
const refused = 'reject_at (score 9, threshold 8)'

interface Way {
  readonly name: string
  readonly options?: MachineOptions
  readonly act: (machine: Machine) => void
  /** Of the last transaction. */
  readonly reasons: Readonly<Record<string, string>>
}

/** One message to these. */
const to =
  (
    recipients: readonly string[],
    ...more: Parameters<Machine['message']> extends [unknown, ...infer Rest] ? Rest : never
  ) =>
  (machine: Machine): void => {
    machine.message(recipients, ...more)
  }

const forced = (verdict: 'reject' | 'defer') =>
  ({ judgement: { kind: 'judged', score: 0, symbols: [], opinion: { verdict } } }) as const
const wishing = (wishes: Partial<Policy>): MachineOptions => ({
  recipients: { [a]: { name: 'wishing', neverDefer: false, ...wishes } },
})

const symbol = (name: string) =>
  ({ judgement: { kind: 'judged', score: 9, symbols: [name] } }) as const
const us = new Set(['sender@example.net'])
const word = new Set(['A'])

const ways: readonly Way[] = [
  {
    name: 'larger than the recipient wants',
    options: wishing({ maxSizeBytes: 99 }),
    act: to([a]),
    reasons: { [a]: 'max_size' },
  },
  {
    name: 'a sender whom the recipient accepts',
    options: wishing({ acceptSenders: us, rejectAt: 8 }),
    act: to([a], spam),
    reasons: { [a]: 'accept_senders' },
  },
  {
    name: 'a sender whom the recipient refuses',
    options: wishing({ refuseSenders: us }),
    act: to([a]),
    reasons: { [a]: 'refuse_senders' },
  },
  {
    name: 'a symbol that the recipient refuses',
    options: wishing({ rejectSymbols: word }),
    act: to([a], symbol('A')),
    reasons: { [a]: 'reject_symbols' },
  },
  {
    name: 'a symbol that the recipient accepts',
    options: wishing({ acceptSymbols: word, rejectAt: 8 }),
    act: to([a], symbol('A')),
    reasons: { [a]: 'accept_symbols' },
  },
  {
    name: 'a symbol that the recipient wants marked',
    options: wishing({ tagSymbols: word, tagAt: 20 }),
    act: to([a], symbol('A')),
    reasons: { [a]: 'tag_symbols' },
  },
  {
    name: 'put off by its score',
    options: wishing({ deferAt: 9 }),
    act: to([a], spam),
    reasons: { [a]: 'defer_at (score 9, threshold 9)' },
  },
  {
    name: 'a forced refusal that is marked',
    options: wishing({ neverReject: true }),
    act: to([a], forced('reject')),
    reasons: { [a]: 'never_reject, not forced by judge' },
  },
  {
    name: 'a stranger, where only known senders may write',
    options: wishing({ knownSendersOnly: true }),
    act: to([a]),
    reasons: { [a]: 'known_senders_only' },
  },
  {
    name: 'a greylisting filter that is not heard',
    options: wishing({ noGreylisting: true }),
    act: to([a], forced('defer')),
    reasons: { [a]: 'no_greylisting, not forced by judge' },
  },
  // Before the text.
  {
    name: 'a parameter that was not offered',
    act: (machine) => {
      machine.send('MAIL FROM:<s@x>', `RCPT TO:<${a}> FOO=1`, 'RSET')
    },
    reasons: { [a]: 'bad address' },
  },
  {
    name: 'a domain that is not ours',
    options: { session: { relayDomains: ['example.net'] } },
    act: to([a]),
    reasons: { [a]: 'relay denied' },
  },
  {
    name: 'a route in the local part',
    options: { session: { refuseRoutes: true } },
    act: to(['x%y@example.org']),
    reasons: { 'x%y@example.org': 'route denied' },
  },
  {
    name: 'too many recipients lately',
    options: {
      oracle: { takes: (thing) => (thing === 'recipients' ? 'recipients_per_minute' : undefined) },
    },
    act: to([a]),
    reasons: { [a]: 'limit (recipients_per_minute)' },
  },
  {
    name: 'a sender that the server refuses',
    options: { world: { mail: () => undefined, rcpt: () => undefined } },
    act: (machine) => {
      machine.send('MAIL FROM:<s@x>', `RCPT TO:<${a}>`)
      machine.tell({ kind: 'mailReplied', reply: no })
      machine.send('RSET')
    },
    reasons: { [a]: 'mail refused' },
  },
  {
    name: 'a sender that the server refuses at MAIL',
    options: {
      world: { mail: () => undefined, rcpt: () => undefined },
      session: { showMail: 'at_once' },
    },
    act: (machine) => {
      machine.send('MAIL FROM:<s@x>', `RCPT TO:<${a}>`)
      machine.tell({ kind: 'mailReplied', reply: no })
    },
    reasons: { [a]: 'mail refused' },
  },
  {
    name: 'no policy',
    options: { world: { policy: () => ({ kind: 'failed', source: 'file', why: 'gone' }) } },
    act: to([a]),
    reasons: { [a]: 'policy failed' },
  },
  {
    name: 'an address that the server refuses',
    options: { world: { rcpt: (address) => (address === a ? no : { code: 250, lines: ['ok'] }) } },
    act: to([a, b]),
    reasons: { [a]: 'backend at RCPT', [b]: 'not judged' },
  },
  {
    name: 'the same, concealed',
    options: {
      session: { unknownRecipients: 'conceal' },
      world: { rcpt: (address) => (address === a ? no : { code: 250, lines: ['ok'] }) },
    },
    act: to([a, b], {}, ' PRDR'),
    reasons: { [a]: 'concealed', [b]: 'not judged' },
  },
  {
    name: 'the same, where the others go first',
    options: {
      session: { unknownRecipients: 'conceal' },
      world: { rcpt: (address) => (address === a ? no : { code: 250, lines: ['ok'] }) },
    },
    act: to([a, b]),
    reasons: { [a]: 'rule 2, not concealed', [b]: 'not judged' },
  },
  {
    name: 'another policy',
    options: two,
    act: to([a, b], scored(0)),
    reasons: { [a]: 'below limits', [b]: 'other group' },
  },
  {
    name: 'one at a time',
    options: { peer: { strategy: 'single' } },
    act: to([a, b], scored(0)),
    reasons: { [a]: 'below limits', [b]: 'single' },
  },
  {
    name: 'deferred, and delivered ahead of its return',
    options: { ...two, peer: { deliverDeferred: true } },
    act: to([a, b], scored(7)),
    reasons: {
      [a]: 'tag_at (score 7, threshold 6)',
      [b]: 'other group, not tag_at (score 7, threshold 5)',
    },
  },
  {
    name: 'RSET before the text',
    options: two,
    act: (machine) => {
      machine.send('MAIL FROM:<s@x>', `RCPT TO:<${a}>`, `RCPT TO:<${b}>`, 'RSET')
    },
    reasons: { [a]: 'ended early', [b]: 'other group' },
  },
  {
    name: 'the server is still to answer to RCPT',
    options: { world: { rcpt: () => undefined } },
    act: (machine) => {
      machine.send('MAIL FROM:<s@x>', `RCPT TO:<${a}>`)
      machine.tell({ kind: 'clientLost' })
    },
    reasons: { [a]: 'ended early' },
  },

  // A text that is not judged.
  { name: 'its form', act: to([a], { fault: 'nul' }), reasons: { [a]: 'bad text' } },
  {
    name: 'its form, where others are deferred',
    options: two,
    act: to([a, b], { fault: 'bareNewline' }),
    reasons: { [a]: 'rule 2, not bad text', [b]: 'other group' },
  },
  {
    name: 'its size',
    act: to([a], { fault: 'tooLarge' }),
    reasons: { [a]: 'limit (message_size)' },
  },
  {
    name: 'its header section',
    act: to([a], { fault: 'headerTooLarge' }),
    reasons: { [a]: 'limit (header)' },
  },
  {
    name: 'a long line',
    act: to([a], { fault: 'lineTooLong' }),
    reasons: { [a]: 'limit (text_line)' },
  },
  { name: 'no disk', act: to([a], { fault: 'spool' }), reasons: { [a]: 'spool failed' } },
  { name: 'no time', act: to([a], { fault: 'time' }), reasons: { [a]: 'no answer in time' } },

  // Judged.
  { name: 'a judge that is silent', act: to([a]), reasons: { [a]: 'not judged' } },
  {
    name: 'a judge that fails',
    act: to([a], { judgement: { kind: 'failed', why: 'gone' } }),
    reasons: { [a]: 'judge failed' },
  },
  {
    name: 'a judge that forces',
    act: to([a], {
      judgement: { kind: 'judged', score: 0, symbols: [], opinion: { verdict: 'reject' } },
    }),
    reasons: { [a]: 'forced by judge' },
  },
  {
    name: 'each threshold, by PRDR',
    options: three,
    act: to([a, b, c], spam, ' PRDR'),
    reasons: { [a]: tagged, [b]: refused, [c]: 'quarantine_at (score 9, threshold 6)' },
  },
  {
    name: 'a server that refuses the text',
    options: { world: { deliver: () => ({ reply: { code: 552, lines: ['full'] } }) } },
    act: to([a], scored(0)),
    reasons: { [a]: 'backend at text' },
  },
  {
    name: 'a server that judges',
    options: { session: { lastWord: 'backend' } },
    act: to([a]),
    reasons: { [a]: 'backend at text' },
  },

  // One answer for several.
  {
    name: 'nobody may refuse while others wait',
    options: { recipients: { [a]: policies.strict, [b]: policies.tagOnly } },
    act: to([a, b], spam),
    reasons: { [a]: `rule 2, not ${refused}`, [b]: 'other group' },
  },
  {
    name: 'its return, known before the text',
    options: { ...knownSender, recipients: { [a]: policies.strict, [b]: policies.tagOnly } },
    act: (machine) => {
      machine.message([a, b], spam)
      machine.message([a, b], spam)
    },
    reasons: { [a]: `guess, not ${refused}`, [b]: tagged },
  },
  {
    name: 'and its last return',
    options: { ...knownSender, recipients: { [a]: policies.strict, [b]: policies.tagOnly } },
    act: (machine) => {
      machine.message([a, b], spam)
      machine.message([a, b], spam)
      machine.message([a], spam)
    },
    reasons: { [a]: `refused before, not ${refused}` },
  },
  {
    name: 'late: they differ',
    options: { ...two, peer: { strategy: 'late' } },
    act: to([a, b], spam),
    reasons: { [a]: `shared reply, not ${tagged}`, [b]: `shared reply, not ${refused}` },
  },
  {
    name: 'late: its return',
    options: { ...two, peer: { strategy: 'late' } },
    act: (machine) => {
      machine.message([a, b], spam)
      machine.message([a], spam)
    },
    reasons: { [a]: 'delivered before' },
  },
  {
    name: 'lenient',
    options: { ...two, peer: { strategy: 'lenient' } },
    act: to([a, b], spam),
    reasons: { [a]: tagged, [b]: `lenient, not ${refused}` },
  },
  {
    name: 'off',
    options: { ...two, peer: { strategy: 'off' } },
    act: to([a, b], spam),
    reasons: { [a]: tagged, [b]: `off, not ${refused}` },
  },
  {
    name: 'a policy that never defers',
    options: {
      recipients: { [a]: policies.vip, [b]: { ...policies.strict, neverDefer: true } },
    },
    act: to([a, b], spam),
    reasons: { [a]: 'tag_at (score 9, threshold 7)', [b]: `never_defer, not ${refused}` },
  },
  {
    name: 'a client that is never split',
    options: { ...two, trusted: true },
    act: to([a, b], spam),
    reasons: { [a]: tagged, [b]: `trusted, not ${refused}` },
  },
  {
    name: 'too many splits',
    options: { ...two, crowded: 'open_splits' },
    act: to([a, b], spam),
    reasons: { [a]: tagged, [b]: `crowded, not ${refused}` },
  },
  {
    name: 'Rcptwise is to be taken away',
    options: { ...two, oracle: { draining: () => true } },
    act: to([a, b], spam),
    reasons: { [a]: tagged, [b]: `draining, not ${refused}` },
  },
  {
    name: 'too many retries',
    options: { ...three, peer: { maxForcedRetries: 1 } },
    act: (machine) => {
      machine.message([a, b, c], spam)
      machine.message([b, c], spam)
    },
    reasons: {
      [b]: `too many retries, not ${refused}`,
      [c]: 'quarantine_at (score 9, threshold 6)',
    },
  },
  {
    name: 'forgiven',
    options: three,
    act: (machine) => {
      machine.message([a, b, c], spam)
      const [split] = machine.ledger.open
      if (split === undefined) throw new Error('no split')
      machine.ledger.save({ ...split, version: split.version + 1, forgiven: true })
      machine.message([b, c], spam)
    },
    reasons: { [b]: `forgiven, not ${refused}`, [c]: 'quarantine_at (score 9, threshold 6)' },
  },
  {
    name: 'reported to the sender',
    options: { ...two, peer: { strategy: 'bounce' } },
    act: to([a, b], spam),
    reasons: { [a]: tagged, [b]: `reported, not ${refused}` },
  },
  {
    name: 'a sender that wants no report of one of them',
    options: {
      recipients: { [a]: policies.tagOnly, [b]: policies.strict, [c]: policies.strict },
      peer: { strategy: 'bounce' },
    },
    act: (machine) => {
      machine.send(
        'MAIL FROM:<sender@example.net>',
        `RCPT TO:<${a}>`,
        `RCPT TO:<${b}>`,
        `RCPT TO:<${c}> NOTIFY=NEVER`,
        'DATA',
      )
      machine.text(spam)
    },
    reasons: {
      [a]: tagged,
      [b]: `reported, not ${refused}`,
      [c]: `not reported, not ${refused}`,
    },
  },
  {
    name: 'nobody hears the answer',
    act: (machine) => {
      machine.leavesAfterDot = true
      machine.message([a], scored(0))
    },
    reasons: { [a]: 'unheard, not below limits' },
  },
  {
    name: 'somebody else is at delivering it',
    options: { ...two, world: { othersAreDone: () => false } },
    act: (machine) => {
      machine.message([a, b], scored(0))
      const [split] = machine.ledger.open
      if (split === undefined) throw new Error('no split')
      const by = { process: 'there', until: Infinity }
      const recipients = split.recipients.map((one) =>
        one.address === b ? ({ ...one, state: 'delivering', by } as const) : one,
      )
      machine.ledger.save({ ...split, version: split.version + 1, recipients })
      machine.message([b], scored(0))
    },
    reasons: { [b]: 'under way' },
  },
]

const lastOf = (machine: Machine): readonly RecipientFact[] =>
  machine.transactions.at(-1)?.recipients ?? []

function run({ options, act }: Way): Machine {
  const machine = Machine.ready(options)
  act(machine)
  return machine
}

test.each(ways)('$name', (way) => {
  const reasons = lastOf(run(way)).map(({ address, reason }) => [address, describeReason(reason)])
  expect(Object.fromEntries(reasons)).toEqual(way.reasons)
})

test.each(ways)('$name: the ledger has the same, and in which transaction', (way) => {
  const machine = run(way)
  const last = machine.transactions.at(-1)
  const split = machine.ledger.splits.get(last?.split ?? '')
  for (const { address, reason, final } of lastOf(machine)) {
    const kept = split?.recipients.find((recipient) => recipient.address === address)?.outcome
    if (kept === undefined || kept.transaction !== last?.transaction) continue
    expect(kept.reason).toEqual(reason)
    expect('reply' in kept).toBe(final)
  }
})

test('no word is without a way to it', () => {
  const wordsOf = (reason: Reason): string[] => [
    reason.because,
    ...('limit' in reason ? [reason.limit] : []),
    ...('overrules' in reason ? wordsOf(reason.overrules) : []),
  ]
  const met = ways.flatMap((way) =>
    run(way).transactions.flatMap(({ recipients }) =>
      recipients.flatMap(({ reason }) => wordsOf(reason)),
    ),
  )
  const words = [reasonWords, thresholdWords, overrulingWords].flatMap((all) => Object.keys(all))
  expect(new Set(met)).toEqual(new Set([...words, 'limit', ...recipientLimits]))
})

describe('the answer that was given for good', () => {
  test('stays with the split when that is closed: code, status, words, when and in which transaction', () => {
    const machine = Machine.ready({ ...two, now: () => 1_000_000 })
    machine.message([a, b], spam)
    machine.message([b], spam)
    const [split] = machine.ledger.splits.values()
    expect(split).toMatchObject({ status: 'completed', openedBy: 'session1.1' })
    expect(
      split?.recipients.map(({ address, state, outcome }) => ({ address, state, outcome })),
    ).toEqual([
      {
        address: b,
        state: 'answered',
        outcome: {
          transaction: 'session1.2',
          reason: { because: 'reject_at', score: 9, threshold: 8 },
          reply: { code: 550, status: '5.7.1', text: expect.stringContaining(b) as string },
          at: 1_000_000,
        },
      },
      {
        address: a,
        state: 'answered',
        outcome: {
          transaction: 'session1.1',
          reason: { because: 'tag_at', score: 9, threshold: 6 },
          reply: { code: 250, status: '2.0.0', text: 'Ok: queued as 4ABCDEF' },
          at: 1_000_000,
        },
      },
    ])
  })
})
