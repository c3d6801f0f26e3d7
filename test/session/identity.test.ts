/**
 * Which message it is costs a look at every octet: it is found out where something is kept of the
 * message, and of no other one.
 */
import { describe, expect, test } from 'vitest'
import type { Reply } from '../../src/smtp/reply.ts'
import { Machine, type MachineOptions, policies, type Text, yes } from '../support/machine.ts'

const recipients = {
  'tag@example.org': policies.tagOnly,
  'careful@example.org': policies.careful,
  'strict@example.org': policies.strict,
}
const all = Object.keys(recipients)
const scored = (score: number): Partial<Text> => ({
  judgement: { kind: 'judged', score, symbols: [] },
})

/** How often it was asked which message it is, and whether its text was to tell. */
function lookedAt(machine: Machine, send: () => void): { asked: number; told: boolean } {
  const identify = machine.session.oracle.identify.bind(machine.session.oracle)
  let asked = 0
  machine.session.oracle.identify = () => {
    asked++
    return identify()
  }
  const before = machine.effects.length
  send()
  const told = machine.effects
    .slice(before)
    .some((effect) => effect.do === 'receiveText' && effect.fingerprint)
  return { asked, told }
}

const late = (options: MachineOptions = {}): Machine =>
  Machine.ready({ recipients, ...options, peer: { strategy: 'late', ...options.peer } })

describe('a message of which nothing is kept', () => {
  test.each([
    ['is taken for all', 1, {}],
    ['is tagged for all', 7, {}],
    ['is refused for all', 20, { recipients: {} }],
    ['is put off by the server behind', 1, { world: { deliver: () => ({ reply: later }) } }],
  ] satisfies [string, number, MachineOptions][])('%s: nobody looks which one it is', (...row) => {
    const [, score, options] = row
    const machine = late(options)
    expect(lookedAt(machine, () => machine.message(all, scored(score)))).toEqual({
      asked: 0,
      told: false,
    })
    expect(machine.ledger.splits.size).toBe(0)
  })
})

const later: Reply = { code: 451, lines: ['4.3.0 Later'] }

describe('a message of which something is kept is known by its text', () => {
  test.each([
    ['its results differ', 9, {}, ''],
    ['it is delivered in two parcels', 5.5, { peer: { strategy: 'lenient' } }, ''],
    ['the server behind takes it for some', 1, { world: { deliver: () => partly } }, ''],
    ['a client with PRDR is told several results', 5.5, {}, ' PRDR'],
  ] satisfies [string, number, MachineOptions, string][])('%s', (...row) => {
    const [, score, options, parameters] = row
    const machine = late(options)
    const looked = lookedAt(machine, () => machine.message(all, scored(score), parameters))
    expect(looked).toEqual({ asked: 1, told: false })
    const kept = [...machine.ledger.splits.values()].map(({ fingerprint }) => fingerprint)
    expect(kept).toEqual([machine.session.oracle.identify()?.fingerprint])
  })

  test('its return is told by the end of its text', () => {
    const machine = late()
    machine.message(all, scored(9))
    const looked = lookedAt(machine, () => machine.message(all, scored(9)))
    expect(looked).toEqual({ asked: 0, told: true })
  })
})

const partly = { reply: yes, own: new Map<number, Reply>([[0, later]]) }
