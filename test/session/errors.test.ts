/**
 * What counts towards `limits.errors_per_session`: every 5yz of ours to a command, but no verdict
 * about a sender or a recipient.
 */
import { describe, expect, test } from 'vitest'
import type { Reply } from '../../src/smtp/reply.ts'
import { Machine, type MachineOptions } from '../support/machine.ts'

const unknown = { code: 550, lines: ['5.1.1 Unknown'] } as const
const greylisted = { code: 450, lines: ['4.7.1 Greylisted'] } as const
const limits = { recipients: 1000, transactionsPerSession: 1000, errorsPerSession: 2 }
const session = { limits, relayDomains: ['x.test'] }
const mail = 'MAIL FROM:<s@x.test>'
const rcpt = 'RCPT TO:<a@x.test>'

function codes(
  before: readonly string[],
  commands: readonly string[],
  options: MachineOptions = {},
): string[] {
  const machine = Machine.ready({ ...options, session: { ...session, ...options.session } })
  if (before.length > 0) machine.send(...before)
  return commands.flatMap((command) => machine.send(command)).map((line) => line.slice(0, 3))
}

/** The client waits for the server's answer to MAIL. */
const atOnce = (reply: Reply): MachineOptions => ({
  session: { showMail: 'at_once' },
  world: { mail: () => reply },
})

describe('counts: the third one ends the session with 421', () => {
  test.each<[string, string[], string]>([
    ['FOO', [], '500'],
    ['EXPN x', [], '502'],
    ['AUTH PLAIN', [], '502'],
    ['NOOP\0', [], '500'],
    ['EHLO', [], '501'],
    ['DATA now', [], '501'],
    ['MAIL', [], '501'],
    ['MAIL FROM:<nonsense@', [], '501'],
    ['MAIL FROM:<s@x.test> FOO=1', [], '555'],
    ['MAIL FROM:<s@x.test> BODY=9BIT', [], '501'],
    ['MAIL FROM:<s@x.test> SIZE=99999999999', [], '552'],
    ['MAIL FROM:<e@\xc3\xa9.test>', [], '553'],
    [mail, [mail], '503'],
    ['RCPT TO:<nonsense', [mail], '501'],
    ['RCPT TO:<a@x.test> FOO=1', [mail], '555'],
    ['RCPT TO:<a@x.test> NOTIFY=SOMETIMES', [mail], '501'],
    ['RCPT TO:<e@\xc3\xa9.test>', [mail], '553'],
    [rcpt, [], '503'],
    ['DATA', [], '503'],
    ['DATA', [mail], '503'],
    ['BDAT 0 LAST', [], '503'],
    ['BDAT 0', [mail], '503'],
  ])('%j after %j: %s', (command, before, code) => {
    expect(codes(before, [command, command, command])).toEqual([code, code, '421'])
  })

  test('without EHLO', () => {
    const machine = new Machine({ session })
    machine.connect()
    expect(
      [mail, rcpt, 'DATA']
        .flatMap((command) => machine.send(command))
        .map((line) => line.slice(0, 3)),
    ).toEqual(['503', '503', '421'])
    expect(machine.facts.at(-1)).toMatchObject({ kind: 'sessionClosed', why: 'errors' })
  })

  test('of all kinds together, in one transaction', () => {
    expect(codes([], [mail, 'FOO', 'RCPT TO:<a@x.test> FOO=1', rcpt, mail])).toEqual([
      '250',
      '500',
      '555',
      '250',
      '421',
    ])
  })

  test('pipelined: nothing is said behind 421', () => {
    const machine = Machine.ready({ session })
    expect(
      machine
        .send(
          mail,
          'RCPT TO:<a@x.test> A=1',
          'RCPT TO:<a@x.test> A=1',
          'RCPT TO:<a@x.test> A=1',
          rcpt,
        )
        .map((line) => line.slice(0, 3)),
    ).toEqual(['250', '555', '555', '421'])
    expect(machine.closed).toBe(true)
  })
})

describe('does not count: 30 of them, and the session goes on', () => {
  test.each<[string, string[], string, MachineOptions]>([
    ['relay denied', [mail], 'RCPT TO:<a@elsewhere.test>', {}],
    ['a recipient that the mail server refuses', [mail], rcpt, { world: { rcpt: () => unknown } }],
    ['a sender that the mail server refuses', [], mail, atOnce(unknown)],
    ['a sender that is told to wait', [], mail, atOnce(greylisted)],
    ['a recipient of such a sender', [mail], rcpt, { world: { mail: () => unknown } }],
    ['VRFY', [], 'VRFY x', {}],
    ['NOOP', [], 'NOOP', {}],
  ])('%s', (_name, before, command, options) => {
    const said = codes(before, Array<string>(30).fill(command), options)
    expect(said).toHaveLength(30)
    expect(said).not.toContain('421')
  })

  test.each<[string, MachineOptions]>([
    ['every recipient is refused', { world: { rcpt: () => unknown } }],
    ['MAIL is refused', atOnce(unknown)],
    ['MAIL is told to wait', atOnce(greylisted)],
    ['each recipient hears that of MAIL', { world: { mail: () => unknown } }],
  ])('what was pipelined in good faith: %s', (_name, options) => {
    const machine = Machine.ready({ ...options, session: { ...session, ...options.session } })
    for (let i = 0; i < 30; i++) {
      const said = machine.send(mail, rcpt, rcpt, rcpt, 'DATA').map((line) => line.slice(0, 3))
      expect(said).toHaveLength(5)
      expect(said).not.toContain('421')
    }
  })

  test('a MAIL that we refuse counts once, whatever is pipelined behind it', () => {
    const machine = Machine.ready({ session })
    const said = machine.send('MAIL FROM:<s@x.test> FOO=1', ...Array<string>(30).fill(rcpt), 'DATA')
    expect(said.map((line) => line.slice(0, 3))).toEqual(['555', ...Array<string>(31).fill('503')])
  })

  test('behind one refused MAIL no more RCPTs are free than one transaction may have', () => {
    const machine = Machine.ready({
      session: { ...session, showMail: 'at_once', limits: { ...limits, recipients: 5 } },
      world: { mail: () => unknown },
    })
    machine.send(mail)
    const said = Array.from({ length: 9 }, () => machine.send(rcpt)).flat()
    expect(said.map((line) => line.slice(0, 3))).toEqual([...Array<string>(8).fill('503'), '421'])
  })
})
