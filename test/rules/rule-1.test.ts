/** Nobody is told yes before the backend said yes. */
import { describe, expect, test } from 'vitest'
import type { Reply } from '../../src/smtp/reply.ts'
import { type MachineOptions, Machine, policies } from '../support/machine.ts'

const one = ['a@example.org']
const two = ['a@example.org', 'b@example.org']
const reply = (code: number, text: string): Reply => ({ code, lines: [text] })
const scored = (score: number) => ({ judgement: { kind: 'judged', score, symbols: [] } as const })

describe('rules.md: “Rcptwise never says yes before your server has said yes.” “A 250 for a recipient means that your server has taken the message for them.” README.md: “Rcptwise never says yes to a sender before your server has said yes.”', () => {
  test.each([
    ['takes it', reply(250, '2.0.0 Ok'), '250 2.0.0 Ok'],
    ['any 2yz is told as 250', reply(252, '2.0.0 Ok'), '250 2.0.0 Ok'],
    ['refuses it', reply(554, '5.7.1 Spam'), '554 5.7.1 Spam'],
    ['can not now', reply(451, '4.3.0 Disk full'), '451 4.3.0 Disk full'],
    ['goes down', reply(421, '4.3.2 Shutting down'), '451 4.3.2 Shutting down'],
    ['asks for more text', reply(354, 'Go on'), '451 4.3.0 *'],
  ])('the backend %s', (_name, said, told) => {
    const machine = Machine.ready({ world: { deliver: () => ({ reply: said }) } })
    const [text = ''] = machine.message(one).text
    expect(text).toMatch(new RegExp(`^${told.replaceAll('.', '\\.').replace('*', '')}`))
    expect(machine.transactions[0]?.recipients[0]?.final).toBe(/^[25]/.test(text))
  })

  test.each<[string, string, MachineOptions]>([
    ['one reply', '', {}],
    [
      'a PRDR block',
      ' PRDR',
      { recipients: { 'a@example.org': policies.tagOnly, 'b@example.org': policies.strict } },
    ],
  ])(
    '%s waits for every delivery, rules.md: “Rcptwise writes a PRDR block only when all recipients are decided and delivered, and in one piece.” known-limits.md: “It says 250 for a recipient only after the mail server behind it has said 250 for them.”',
    (_name, parameters, options) => {
      const machine = Machine.ready({ ...options, world: { deliver: () => undefined } })
      expect(machine.message(two, scored(9), parameters).text).toEqual([])
      expect(machine.session.state.at).toBe('answering')
      const order = machine.effects.findLast((effect) => effect.do === 'deliver')
      const parcels = order?.parcels ?? []
      const results = parcels.map(() => ({
        reply: reply(250, '2.0.0 Ok'),
        own: new Map<number, Reply>(),
        ms: 1,
      }))
      const text = machine.tell({ kind: 'delivered', results })
      expect(text[0]).toMatch(/^(250|353)/)
      // all lines in one write
      expect(machine.writes.at(-1)?.split('\r\n')).toHaveLength(text.length + 1)
    },
  )

  test.each([
    ['the client leaves', 'clientLost'],
    ['nothing comes any more', 'timedOut'],
  ] as const)('nothing is said when %s in the middle of the delivery', (_name, kind) => {
    const machine = Machine.ready({ world: { deliver: () => undefined } })
    machine.message(one)
    const said = machine.tell({ kind }).join('')
    expect(said).not.toMatch(/^2/)
    expect(machine.transactions).toMatchObject([
      { outcome: 'aborted', recipients: [{ final: false }] },
    ])
    expect(machine.effects.map((effect) => effect.do)).toContain('abandon')
  })

  test.each([
    ['spool', '452 4.3.1 '],
    ['time', '451 4.4.2 '],
  ] as const)('trouble here (%s) is a 4yz, and the backend gets nothing', (fault, told) => {
    const machine = Machine.ready()
    expect(machine.message(one, { fault }).text[0]).toContain(told)
    expect(machine.parcels).toEqual([])
  })

  test('in a block each line is true for its own recipient', () => {
    const recipients = { 'a@example.org': policies.tagOnly, 'b@example.org': policies.boxed }
    const machine = Machine.ready({
      recipients,
      session: { quarantine: 'box@example.org' },
      world: {
        deliver: ({ result }) => ({
          reply: result === 'tagged' ? reply(250, '2.0.0 Ok') : reply(452, '4.2.2 Box full'),
        }),
      },
    })
    expect(machine.message(two, scored(9), ' PRDR').text).toEqual([
      '353 One reply per recipient follows',
      '250 2.0.0 Ok',
      '452 4.2.2 Box full',
      '250 2.0.0 Each recipient was answered above',
    ])
  })

  test('who was refused when the envelope was shown anew is not told yes', () => {
    const own = new Map([[1, reply(451, '4.3.0 Not any more')]])
    const machine = Machine.ready({
      world: { deliver: () => ({ reply: reply(250, '2.0.0 Ok'), own }) },
    })
    expect(machine.message(two, {}, ' PRDR').text.slice(1, 3)).toEqual([
      '250 2.0.0 Ok',
      '451 4.3.0 Not any more',
    ])
    const legacy = Machine.ready({
      world: { deliver: () => ({ reply: reply(250, '2.0.0 Ok'), own }) },
    })
    expect(legacy.message(two).text).toEqual([expect.stringMatching(/^451 4\.5\.3 /)])
  })
})
