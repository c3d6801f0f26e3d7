/**
 * `backend.mail`: the server hears of MAIL with the first recipient, and what it says against the
 * sender is said to each recipient.
 */
import { describe, expect, test } from 'vitest'
import type { Reply } from '../../src/smtp/reply.ts'
import { Machine, type MachineOptions, policies, yes } from '../support/machine.ts'
import { MemoryLedger } from '../support/memory-ledger.ts'

const mail = 'MAIL FROM:<s@x.test>'
const [ann, bob, cho] = ['ann@example.org', 'bob@example.org', 'cho@example.org']
const rcpt = (address: string): string => `RCPT TO:<${address}>`
const refused = { code: 550, lines: ['5.7.1 Not you'] } as const
const greylisted = { code: 450, lines: ['4.7.1 Greylisted'] } as const
const leaving = { code: 421, lines: ['4.3.2 Bye'] } as const

test('the client hears that its sender is taken before the server has said anything', () => {
  const machine = Machine.ready({ world: { mail: () => undefined } })
  expect(machine.send(mail)).toEqual(['250 2.1.0 Sender OK'])
  expect(machine.effects.find((effect) => effect.do === 'begin')?.withRcpt).toBe(true)
})

test('with `at_once` it waits for the server', () => {
  const machine = Machine.ready({
    session: { showMail: 'at_once' },
    world: { mail: () => undefined },
  })
  expect(machine.send(mail)).toEqual([])
  expect(machine.effects.find((effect) => effect.do === 'begin')?.withRcpt).toBe(false)
  expect(machine.tell({ kind: 'mailReplied', reply: refused })).toEqual(['550 5.7.1 Not you'])
})

describe('what the server says against the sender is the answer to each RCPT', () => {
  test.each([
    ['550 5.7.1 Not you', refused],
    ['450 4.7.1 Greylisted', greylisted],
    // Rule 3: nobody hears 421 here.
    ['451 4.3.2 Bye', leaving],
  ])('%s', (said, reply) => {
    const options: MachineOptions = { world: { mail: () => undefined, rcpt: () => undefined } }
    const machine = Machine.ready(options)
    expect(machine.send(mail, rcpt(ann), rcpt(bob))).toEqual(['250 2.1.0 Sender OK'])
    expect(machine.tell({ kind: 'mailReplied', reply })).toEqual([said, said])
    // A server that has no MAIL refuses what was shown together with it.
    const noMail = { code: 503, lines: ['5.5.1 MAIL first'] } as const
    machine.tell({ kind: 'recipientReplied', index: 0, reply: noMail })
    machine.send(rcpt(cho))
    expect(machine.tell({ kind: 'recipientReplied', index: 2, reply: noMail })).toEqual([said])
    expect(machine.send('DATA')).toEqual(['554 5.5.1 No valid recipients'])
    machine.send('RSET')
    const [fact] = machine.transactions
    expect(fact?.recipients.map(({ reason }) => reason)).toEqual(
      Array(3).fill({ because: 'mail refused' }),
    )
    // The next message of the same client is none the worse.
    expect(machine.send(mail, rcpt(ann))).toEqual(['250 2.1.0 Sender OK'])
    machine.tell({ kind: 'mailReplied', reply: yes })
    expect(machine.tell({ kind: 'recipientReplied', index: 0, reply: yes })[0]).toMatch(/^250/)
  })
})

test('`unknown_recipients: conceal` conceals nothing of it: it says nothing about recipients', () => {
  const machine = Machine.ready({
    session: { unknownRecipients: 'conceal' },
    world: { mail: () => refused },
  })
  expect(machine.send(mail, rcpt(ann))).toEqual(['250 2.1.0 Sender OK', '550 5.7.1 Not you'])
})

test('who has the message already is not told otherwise because the server now refuses the sender', () => {
  const ledger = new MemoryLedger()
  const copies: string[] = []
  const attempt = (senderOk: boolean): string => {
    const machine = Machine.ready({
      recipients: { [ann]: policies.tagOnly, [bob]: policies.careful, [cho]: policies.strict },
      ledger,
      peer: { strategy: 'late' },
      parameters: ' SIZE=1000',
      world: {
        mail: () => (senderOk ? yes : refused),
        deliver: (parcel) => {
          copies.push(...parcel.recipients.map(({ argument }) => argument))
          return { reply: yes }
        },
      },
    })
    const judgement = { kind: 'judged', score: 9, symbols: [] } as const
    const { rcpts, text } = machine.message([ann, bob, cho], { message: 'spam', judgement })
    return [...rcpts, ...text].map((line) => line.slice(0, 3)).join(' ')
  }
  expect(attempt(true)).toBe('250 250 250 451')
  expect(attempt(false)).toBe('250 250 550 250')
  expect(copies).toEqual([`<${ann}>`, `<${bob}>`])
})

test('attempts at which the server refuses MAIL for now are no lack of progress (rule 5)', () => {
  const ledger = new MemoryLedger()
  const attempt = (to: readonly string[], reply: Reply): string => {
    const machine = Machine.ready({
      recipients: { [ann]: policies.tagOnly, [cho]: policies.strict },
      ledger,
      peer: { strategy: 'group' },
      parameters: ' SIZE=1000',
      world: { mail: () => reply },
    })
    const judgement = { kind: 'judged', score: 9, symbols: [] } as const
    const { rcpts, text } = machine.message(to, { message: 'spam', judgement })
    machine.send('QUIT')
    return [...rcpts, ...text].map((line) => line.slice(0, 3)).join(' ')
  }
  expect(attempt([ann, cho], yes)).toBe('250 451 250')
  const before = ledger.open[0]
  for (let n = 0; n < 6; n++) expect(attempt([cho], greylisted)).toBe('450')
  expect(ledger.open[0]?.idleAttempts).toBe(before?.idleAttempts)
  expect(ledger.open[0]?.forgiven).toBe(false)
})
