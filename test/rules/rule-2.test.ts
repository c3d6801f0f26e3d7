/** No 5xx after the text in a transaction in which any recipient was deferred. */
import { describe, expect, test } from 'vitest'
import type { TextFault } from '../../src/smtp/text-receiver.ts'
import type { Reply } from '../../src/smtp/reply.ts'
import { answerTogether, mayRefuseAfterText } from '../../src/verdict/answer.ts'
import { reason } from '../../src/verdict/reason.ts'
import {
  knownSender,
  Machine,
  type MachineOptions,
  policies,
  type Text,
} from '../support/machine.ts'

const reply = (code: number, text: string): Reply => ({ code, lines: [text] })
const spam = { judgement: { kind: 'judged', score: 20, symbols: [] } } as const
const refusing = { 'a@example.org': policies.careful, 'b@example.org': policies.strict }
const rcptOf = (second: Reply) => (address: string) =>
  address.startsWith('b') ? second : reply(250, '2.1.5 Ok')

/** Each of them gives the second recipient a 4yz at RCPT, and lets the first one through. */
const deferrals: [string, MachineOptions][] = [
  ['ours, 451', { recipients: refusing }],
  ['ours, 450', { recipients: refusing, peer: { deferCode: 450 } }],
  ['ours, 452', { recipients: refusing, peer: { deferCode: 452 } }],
  ['ours, single', { peer: { strategy: 'single' } }],
  ['greylisting behind', { world: { rcpt: rcptOf(reply(450, '4.2.0 Greylisted')) } }],
  ['421 behind', { world: { rcpt: rcptOf(reply(421, '4.3.2 Bye')) } }],
  [
    'too many recipients',
    { session: { limits: { recipients: 1, transactionsPerSession: 9, errorsPerSession: 9 } } },
  ],
  [
    'no settings',
    {
      world: {
        policy: (address) =>
          address.startsWith('b')
            ? { kind: 'failed', source: 'sql', why: 'down' }
            : { kind: 'found', policy: policies.careful },
      },
    },
  ],
  [
    'greylisting behind, lenient',
    { peer: { strategy: 'lenient' }, world: { rcpt: rcptOf(reply(450, '4.2.0 Greylisted')) } },
  ],
  [
    'greylisting behind, off',
    { peer: { strategy: 'off' }, world: { rcpt: rcptOf(reply(450, '4.2.0 Greylisted')) } },
  ],
]

const faults: TextFault[] = ['bareNewline', 'nul', 'lineTooLong', 'tooLarge', 'headerTooLarge']
/** Each of them refuses the message for good. */
const refusals: [string, Partial<Text>, MachineOptions][] = [
  ['the policy', spam, {}],
  ['the backend', {}, { world: { deliver: () => ({ reply: reply(554, '5.7.1 Spam') }) } }],
  [
    'a backend that judges',
    {},
    {
      session: { lastWord: 'backend' },
      world: { deliver: () => ({ reply: reply(550, '5.7.1 Spam') }) },
    },
  ],
  ...faults.map((fault): [string, Partial<Text>, MachineOptions] => [fault, { fault }, {}]),
]

const rows = deferrals.flatMap(([deferral, a]) =>
  refusals.map(([refusal, text, b]) => ({
    name: `${deferral}; refused by ${refusal}`,
    text,
    options: {
      ...a,
      ...b,
      session: { ...a.session, ...b.session },
      world: { ...a.world, ...b.world },
    },
  })),
)

describe('rules.md: “Rcptwise sends no 5xx after the text in a transaction in which any recipient was deferred, by Rcptwise or by your server.”', () => {
  test.each(rows)('$name', ({ text, options }) => {
    const machine = Machine.ready(options)
    const said = machine.message(['a@example.org', 'b@example.org'], text)
    expect(said.rcpts.map((line) => line.charAt(0))).toEqual(['2', '4'])
    expect(said.text).toHaveLength(1)
    expect(said.text[0]).toMatch(/^451 4\.5\.3 .*again in 60 seconds; retry=00:01:00$/)
  })

  test.each(refusals)(
    'alone they are refused: by %s; README.md: “Rcptwise never refuses a message for good in a transaction in which it also deferred a recipient.”',
    (_name, text, options) => {
      const machine = Machine.ready(options)
      expect(machine.message(['a@example.org', 'c@example.org'], text).text[0]).toMatch(/^5/)
    },
  )

  test('a refusal at RCPT is no deferral', () => {
    const machine = Machine.ready({ world: { rcpt: rcptOf(reply(550, '5.1.1 Unknown')) } })
    expect(machine.message(['a@example.org', 'b@example.org'], spam).text[0]).toMatch(/^550 /)
  })

  test('rules.md: “So Rcptwise answers 451 to the group that would be refused, and keeps its refusal in the ledger.” “Rcptwise answers those recipients last: they get their 5xx once no other recipient is waiting.”', () => {
    const machine = Machine.ready({
      ...knownSender,
      recipients: { 'a@example.org': policies.strict, 'b@example.org': policies.tagOnly },
    })
    const score = { judgement: { kind: 'judged', score: 9, symbols: [] } } as const
    const first = machine.message(['a@example.org', 'b@example.org'], score)
    expect(first).toMatchObject({
      rcpts: [/^250/, /^451/].map((code): unknown => expect.stringMatching(code)),
    })
    expect(first.text[0]).toMatch(/^451 4\.5\.3/)
    expect(machine.ledger.open[0]?.recipients).toMatchObject([
      { address: 'a@example.org', state: 'refused', reply: { code: 550 } },
      { address: 'b@example.org', state: 'waiting' },
    ])
    const second = machine.message(['a@example.org', 'b@example.org'], score)
    expect(second.rcpts[0]).toMatch(/^451 4\.5\.3/)
    expect(second.text[0]).toMatch(/^250/)
    const third = machine.message(['a@example.org'], score)
    expect(third.text[0]).toMatch(/^550 5\.7\.1 <a@example\.org>/)
    expect(machine.ledger.open).toEqual([])
    expect(machine.parcels).toHaveLength(1)
  })

  test('a client that does not pipeline and offers the refused one first', () => {
    const machine = Machine.ready({
      ...knownSender,
      recipients: { 'a@example.org': policies.strict, 'b@example.org': policies.tagOnly },
    })
    const score = { judgement: { kind: 'judged', score: 9, symbols: [] } } as const
    machine.message(['a@example.org', 'b@example.org'], score)
    machine.send('MAIL FROM:<sender@example.net> SIZE=1000')
    expect(machine.send('RCPT TO:<a@example.org>')[0]).toMatch(/^451/)
    expect(machine.send('RCPT TO:<b@example.org>')[0]).toMatch(/^250/)
  })

  test('who is offered without the others is not kept waiting for them: in that transaction nobody is deferred', () => {
    const machine = Machine.ready({
      ...knownSender,
      recipients: { 'a@example.org': policies.strict, 'b@example.org': policies.tagOnly },
    })
    const score = { judgement: { kind: 'judged', score: 9, symbols: [] } } as const
    machine.message(['a@example.org', 'b@example.org'], score)
    expect(machine.message(['a@example.org'], score).text[0]).toMatch(/^550 5\.7\.1/)
    expect(machine.message(['b@example.org'], score).text[0]).toMatch(/^250/)
    expect(machine.ledger.open).toEqual([])
  })

  test('the predicate', () => {
    const circumstances = { mayComeAgain: false, othersMayBeOpen: true, retryHintSeconds: 60 }
    expect(mayRefuseAfterText({ ...circumstances, anyoneDeferred: true })).toBe(false)
    expect(mayRefuseAfterText({ ...circumstances, anyoneDeferred: false })).toBe(true)
    const outcomes = [
      {
        index: 0,
        address: 'a',
        mailbox: 'a',
        reply: reply(550, 'no'),
        reason: reason('backend at text'),
      },
    ]
    expect(answerTogether(outcomes, { ...circumstances, anyoneDeferred: true })).toMatchObject({
      lines: [{ code: 451 }],
      refusalsKept: [
        { index: 0, reason: { because: 'rule 2', overrules: { because: 'backend at text' } } },
      ],
      final: [],
    })
  })
})
