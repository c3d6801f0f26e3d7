/** Every command in every state. */
import { describe, expect, test } from 'vitest'
import { Machine } from '../support/machine.ts'

const states = {
  greeted: (machine: Machine) => machine.connect(),
  ready: (machine: Machine) => [machine.connect(), machine.send('EHLO client.test')],
  mail: (machine: Machine) => [
    machine.connect(),
    machine.send('EHLO client.test'),
    machine.send('MAIL FROM:<s@example.net>'),
  ],
  rcpt: (machine: Machine) => [
    machine.connect(),
    machine.send('EHLO client.test'),
    machine.send('MAIL FROM:<s@example.net>', 'RCPT TO:<a@example.org>'),
  ],
  chunks: (machine: Machine) => [
    machine.connect(),
    machine.send('EHLO client.test'),
    machine.send('MAIL FROM:<s@example.net>', 'RCPT TO:<a@example.org>', 'BDAT 5'),
    machine.tell({ kind: 'chunkTaken', bytes: 5 }),
  ],
} as const

const table: [string, Record<keyof typeof states, string>][] = [
  ['EHLO x', { greeted: '250', ready: '250', mail: '250', rcpt: '250', chunks: '250' }],
  ['HELO x', { greeted: '250', ready: '250', mail: '250', rcpt: '250', chunks: '250' }],
  ['MAIL FROM:<>', { greeted: '503', ready: '250', mail: '503', rcpt: '503', chunks: '503' }],
  [
    'RCPT TO:<b@example.org>',
    { greeted: '503', ready: '503', mail: '250', rcpt: '250', chunks: '503' },
  ],
  ['DATA', { greeted: '503', ready: '503', mail: '503', rcpt: '354', chunks: '503' }],
  ['RSET', { greeted: '250', ready: '250', mail: '250', rcpt: '250', chunks: '250' }],
  ['NOOP', { greeted: '250', ready: '250', mail: '250', rcpt: '250', chunks: '250' }],
  ['HELP', { greeted: '214', ready: '214', mail: '214', rcpt: '214', chunks: '214' }],
  ['VRFY x', { greeted: '252', ready: '252', mail: '252', rcpt: '252', chunks: '252' }],
  ['EXPN x', { greeted: '502', ready: '502', mail: '502', rcpt: '502', chunks: '502' }],
  ['STARTTLS', { greeted: '220', ready: '220', mail: '220', rcpt: '220', chunks: '220' }],
  ['AUTH PLAIN', { greeted: '502', ready: '502', mail: '502', rcpt: '502', chunks: '502' }],
  ['FOO', { greeted: '500', ready: '500', mail: '500', rcpt: '500', chunks: '500' }],
  ['GET / HTTP/1.1', { greeted: '521', ready: '521', mail: '521', rcpt: '521', chunks: '521' }],
  ['QUIT', { greeted: '221', ready: '221', mail: '221', rcpt: '221', chunks: '221' }],
]
const rows = table.flatMap(([command, codes]) =>
  (Object.keys(states) as (keyof typeof states)[]).map((state) => ({
    command,
    state,
    code: codes[state],
  })),
)

describe('every command in every state', () => {
  test.each(rows)('$command when $state: $code', ({ command, state, code }) => {
    const machine = new Machine()
    states[state](machine)
    const said = machine.send(command)
    expect(said[0]?.slice(0, 3)).toBe(code)
    expect(machine.closed).toBe(code === '221' || code === '521')
  })

  test('what ends a transaction under way', () => {
    for (const command of ['EHLO x', 'HELO x', 'RSET', 'STARTTLS', 'QUIT', 'GET /']) {
      const machine = new Machine()
      states.rcpt(machine)
      machine.send(command)
      expect(machine.transactions, command).toMatchObject([
        { outcome: 'aborted', recipients: [{ fate: 'through', final: false }] },
      ])
      expect(
        machine.effects.filter((effect) => effect.do === 'abandon'),
        command,
      ).toHaveLength(1)
    }
    for (const command of ['NOOP', 'HELP', 'VRFY x', 'FOO', 'MAIL FROM:<>']) {
      const machine = new Machine()
      states.rcpt(machine)
      machine.send(command)
      expect(machine.transactions, command).toEqual([])
    }
  })

  test.each([
    ['greeted', 'idle'],
    ['ready', 'idle'],
    ['rcpt', 'idle'],
    ['chunks', 'idle'],
  ] as const)('nothing comes any more when %s', (state, why) => {
    const machine = new Machine()
    states[state](machine)
    expect(machine.tell({ kind: 'timedOut' })[0]).toMatch(/^421 4\.4\.2/)
    expect(machine.facts.at(-1)).toMatchObject({ kind: 'sessionClosed', why })
  })

  test('whatever happens to a closed session, nothing is said or done', () => {
    const machine = new Machine()
    states.rcpt(machine)
    machine.send('QUIT')
    const effects = machine.effects.length
    expect(machine.send('NOOP', 'MAIL FROM:<>')).toEqual([])
    expect(machine.tell({ kind: 'clientLost' })).toEqual([])
    expect(machine.tell({ kind: 'timedOut' })).toEqual([])
    expect(
      machine.tell({ kind: 'recipientReplied', index: 0, reply: { code: 250, lines: [''] } }),
    ).toEqual([])
    expect(machine.effects).toHaveLength(effects)
  })
})
