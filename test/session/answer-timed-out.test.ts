/**
 * `timeouts.reply`: wherever the answer is stuck, the client hears 451 and the log knows how large
 * the message was.
 */
import { describe, expect, test } from 'vitest'
import { Machine, type MachineOptions, policies } from '../support/machine.ts'

const two = ['a@example.org', 'b@example.org']
const recipients = { 'a@example.org': policies.tagOnly, 'b@example.org': policies.strict }
const spam = { judgement: { kind: 'judged', score: 9, symbols: [] } } as const
const never = (): undefined => undefined

interface Stuck {
  readonly options: MachineOptions
  readonly run: (machine: Machine) => unknown
}

const begin = (machine: Machine): unknown => machine.envelope('sender@example.net', two)
const toTheEnd = (machine: Machine): unknown => machine.message(two, spam)

/**
 * Before the machine was told of the end, and in each step behind it in which it waits for somebody
 * other than the backend.
 */
const steps: Readonly<Record<string, Stuck>> = {
  'the judge or the disk': { options: {}, run: begin },
  'the judge, and the text came as chunks': {
    options: {},
    run: (machine) =>
      machine.send(`MAIL FROM:<s@example.net>`, `RCPT TO:<${two[0]}>`, 'BDAT 100 LAST'),
  },
  'SPF and DKIM': {
    options: {
      recipients,
      peer: { strategy: 'late', chosen: { sender: 'x.test', why: 'new' } },
      world: { vouch: never },
    },
    run: toTheEnd,
  },
  'the question whether a report can be made': {
    options: { recipients, peer: { strategy: 'bounce' }, world: { bounce: never } },
    run: toTheEnd,
  },
}

describe('no answer in time from', () => {
  test.each(Object.entries(steps))('%s', (_name, { options, run }) => {
    const machine = Machine.ready(options)
    run(machine)
    const said = machine.tell({ kind: 'answerTimedOut', sizeBytes: 4711, endedAt: 999_000 })
    expect(said).toEqual([expect.stringMatching(/^451 4\.4\.2 No decision in time; .*retry=/)])
    const [transaction] = machine.transactions
    expect(transaction).toMatchObject({ outcome: 'deferred' })
    expect(transaction?.reply).toMatch(/^451 4\.4\.2/)
    expect(machine.parcels).toEqual([])
    expect(machine.effects.at(-1)).toMatchObject({ do: 'note' })
    expect(machine.effects.map((effect) => effect.do)).toContain('abandon')
    expect(machine.send('NOOP')).toEqual(['250 2.0.0 OK'])
  })

  test('the size and the end of the text are those of the text', () => {
    const machine = Machine.ready({ now: () => 1_000_000 })
    begin(machine)
    machine.tell({ kind: 'answerTimedOut', sizeBytes: 4711, endedAt: 1_000_000 })
    expect(machine.transactions).toMatchObject([{ sizeBytes: 4711, textMs: 0, ms: 0 }])
  })

  test('the backend: it is given up, and what it says of that is the answer', () => {
    const machine = Machine.ready({ world: { deliver: () => undefined } })
    machine.message(two, {})
    expect(machine.tell({ kind: 'answerTimedOut', sizeBytes: 100, endedAt: 999_000 })).toEqual([])
    const lost = {
      reply: { code: 451, lines: ['4.4.2 No answer'] },
      own: new Map(),
      ms: 1,
    } as const
    expect(machine.tell({ kind: 'delivered', results: [lost] })).toEqual([
      expect.stringMatching(/^451 4\.4\.2/),
    ])
  })

  test('nobody any more: what comes after the answer changes nothing', () => {
    const machine = Machine.ready()
    machine.message(two)
    const facts = machine.facts.length
    expect(machine.tell({ kind: 'answerTimedOut', sizeBytes: 100, endedAt: 999_000 })).toEqual([])
    expect(machine.facts).toHaveLength(facts)
  })
})
