/**
 * `last_word: backend`, and the message is not split: `lenient`, `off`, forgiven, trusted. What the
 * server behind refuses can't be marked, so its refusal is told; it takes the message from nobody
 * else, but with `off` (decision 36). What the commands say before is what happens.
 */
import { describe, expect, test } from 'vitest'
import type { Reply } from '../../src/smtp/reply.ts'
import { fateIfForgiven, meaningOf } from '../../src/strategy/meaning.ts'
import { configurableStrategies } from '../../src/strategy/names.ts'
import { Machine, type MachineOptions, policies, yes } from '../support/machine.ts'

const [tag, strict] = ['tag@example.org', 'strict@example.org'] as const
const recipients = { [tag]: policies.tagOnly, [strict]: policies.strict }
const refusal: Reply = { code: 550, lines: ['5.7.1 spam'] }
const backend = { session: { lastWord: 'backend' } } as const

/**
 * A server behind that refuses every text that is for somebody strict: its answer is for all in one
 * transaction.
 */
function machineOf(more: MachineOptions = {}): Machine {
  return Machine.ready({
    recipients,
    ...backend,
    world: {
      deliver: (parcel) => ({
        reply: parcel.recipients.some(({ argument }) => argument.includes(strict)) ? refusal : yes,
      }),
    },
    ...more,
  })
}

const copies = (machine: Machine): string[] =>
  machine.parcels
    .filter(({ reply }) => reply.code === 250)
    .flatMap((one) => one.recipients.map(({ argument }) => argument))

const unsplit: Record<string, MachineOptions> = {
  lenient: { peer: { strategy: 'lenient' } },
  'trusted clients': { peer: { strategy: 'late' }, trusted: true },
}

describe("strategies.md: “With last_word: backend Rcptwise can't tag the message for recipients whose server refuses it.” “It tells the sender so, and the others have the message.” “This holds for lenient, for forgiven messages and for clients in trusted.” “Rcptwise then asks your server for each group, and the 5yz names the recipients who refuse.”", () => {
  test.each(Object.entries(unsplit))('%s', (_, options) => {
    const machine = machineOf(options)
    const { text } = machine.message([tag, strict])
    expect(text.join('\n')).toMatch(/^550[ -].*\n?.*strict@example\.org/s)
    expect(copies(machine)).toEqual([`<${tag}>`])
    expect(machine.ledger.open).toEqual([])
  })

  test('forgiven: who takes it has it, and who has it does not get it again; known-limits.md: “With last_word: backend one 5yz is the answer to a message that is no longer split and that only some refuse” “The words say for whom it is meant”', () => {
    const machine = machineOf({ peer: { strategy: 'late' } })
    expect(machine.message([tag, strict]).text[0]).toMatch(/^451/)
    expect(copies(machine)).toEqual([`<${tag}>`])
    for (const split of machine.ledger.open)
      machine.ledger.save({ ...split, version: split.version + 1, forgiven: true })
    const { rcpts, text } = machine.message([tag, strict])
    expect(rcpts.map((line) => line.slice(0, 3))).toEqual(['250', '250'])
    expect(text.join('\n')).toMatch(/^550[ -].*strict@example\.org/s)
    expect(text.join('\n')).toContain('the other recipients have the message')
    expect(copies(machine), 'nobody has it twice').toEqual([`<${tag}>`])
    expect(machine.ledger.open).toEqual([])
  })

  test('all refuse it: one refusal', () => {
    const machine = machineOf({
      peer: { strategy: 'lenient' },
      world: { deliver: () => ({ reply: refusal }) },
    })
    expect(machine.message([tag, strict]).text[0]).toMatch(/^550/)
    expect(copies(machine)).toEqual([])
  })
})

test('strategies.md: “With off Rcptwise asks your server once for all recipients, and its refusal is for all.”', () => {
  const machine = machineOf({ peer: { strategy: 'off' } })
  expect(machine.message([tag, strict]).text[0]).toMatch(/^550/)
  expect(machine.parcels).toHaveLength(1)
})

describe('what the commands say before', () => {
  const score = { judging: 'score', lenientAs: 'tag' } as const
  const judged = { ...score, judging: 'backend' } as const

  test('every strategy has a meaning, with each judge', () => {
    for (const strategy of configurableStrategies)
      for (const how of [score, judged]) expect(meaningOf(strategy, how).length).toBeGreaterThan(20)
  })
  test('nobody is promised a tag where nothing can be tagged', () => {
    expect(meaningOf('lenient', score)).toContain('gets it tagged')
    expect(meaningOf('lenient', { ...score, lenientAs: 'quarantine' })).toContain(
      'gets it in quarantine',
    )
    expect(meaningOf('lenient', judged)).toContain('5yz that names who refuses')
    const all = ['waiting', 'refused', 'delivering', 'delivered', 'answered'] as const
    const fates = all.flatMap((state) =>
      (['lenient', 'off'] as const).map((as) => fateIfForgiven({ state }, as, judged)),
    )
    expect(fates.join(' ')).not.toMatch(/tagged|quarantine|unmarked/)
  })
  test('a refusal that is kept is told in its words', () =>
    expect(
      fateIfForgiven({ state: 'refused', reply: '550 5.7.1 spam' }, 'lenient', judged),
    ).toContain('550 5.7.1 spam'))
})
