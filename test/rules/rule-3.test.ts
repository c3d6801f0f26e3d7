/**
 * Deferrals use 451 4.5.3 (or 450, or 452 if a peer class asks for it), never 421, never 552, with
 * a hint when to come back.
 */
import { describe, expect, test } from 'vitest'
import type { Reply } from '../../src/smtp/reply.ts'
import { replies } from '../../src/smtp/replies.ts'
import { Machine, policies } from '../support/machine.ts'

const recipients = { 'a@example.org': policies.careful, 'b@example.org': policies.strict }
const reply = (code: number, text: string): Reply => ({ code, lines: [text] })

describe('rules.md: “A deferral is 451 4.5.3 (or 450 or 452 where a class asks for it), never 421 or 552, with a retry hint.”', () => {
  test.each([
    [
      451,
      60,
      '451 4.5.3 <b@example.org> needs a transaction of its own; please try again in 60 seconds; retry=00:01:00',
    ],
    [
      450,
      300,
      '450 4.5.3 <b@example.org> needs a transaction of its own; please try again in 300 seconds; retry=00:05:00',
    ],
    [
      452,
      3661,
      '452 4.5.3 <b@example.org> needs a transaction of its own; please try again in 3661 seconds; retry=01:01:01',
    ],
  ] as const)('%d with a hint of %d s', (deferCode, retryHintSeconds, line) => {
    const machine = Machine.ready({ recipients, peer: { deferCode, retryHintSeconds } })
    expect(machine.message(['a@example.org', 'b@example.org']).rcpts[1]).toBe(line)
  })

  test.each([
    ['MAIL', { mail: () => reply(421, '4.3.2 Bye') }],
    ['RCPT', { rcpt: () => reply(421, '4.3.2 Bye') }],
    ['the end of the text', { deliver: () => ({ reply: reply(421, '4.3.2 Bye') }) }],
  ])('rules.md: “When your server answers 421, the client gets 451.” To %s', (_name, world) => {
    const machine = Machine.ready({ world })
    const said = machine.message(['a@example.org'])
    expect(machine.writes.join('')).not.toMatch(/^421/m)
    expect([...said.rcpts, said.data, ...said.text, ...machine.writes].join('\n')).toContain(
      '451 4.3.2 Bye',
    )
    expect(machine.closed).toBe(false)
  })

  test('no reply of ours that keeps the session open is a 421 or a 552 for a recipient', () => {
    const closing = Object.entries(replies).filter(
      ([, value]) => typeof value === 'object' && value.code === 421,
    )
    for (const [, value] of closing)
      expect(JSON.stringify(value)).toMatch(/clos|connection|please try later/i)
    expect(replies.deferred(451, 'a', 60).code).toBe(451)
    expect(replies.tooManyRecipients.code).toBe(452) // RFC 5321 4.5.3.1.10
  })

  test('421 is said only with the end of the session', () => {
    const limits = { recipients: 1000, transactionsPerSession: 1, errorsPerSession: 20 }
    const machine = Machine.ready({ session: { limits } })
    machine.message(['a@example.org'])
    expect(machine.send('MAIL FROM:<x@example.net>')[0]).toMatch(/^421 4\.7\.0/)
    expect(machine.closed).toBe(true)
  })
})
