/** What a policy says, end to end in the machine: who gets what, what the client hears, and why. */
import { describe, expect, test } from 'vitest'
import type { Finding, Findings, Judgement, Opinion } from '../../src/verdict/judgement.ts'
import type { Policy } from '../../src/verdict/policy.ts'
import { describeReason } from '../../src/verdict/reason.ts'
import { found } from '../support/found.ts'
import { Machine, type MachineOptions, policies } from '../support/machine.ts'

const [a, b] = ['a@example.org', 'b@example.org'] as const
const { tagOnly } = policies
const strict: Policy = policies.strict
const prdr = ' PRDR'

const scored = (score: number) => ({ judgement: { kind: 'judged', score, symbols: [] } }) as const
const forcing = (opinion: Opinion, score = 0): { readonly judgement: Judgement } => ({
  judgement: { kind: 'judged', symbols: [], score, opinion },
})

function ready(wishes: Partial<Policy>, more: MachineOptions = {}): Machine {
  const wishing: Policy = { name: 'wishing', neverDefer: false, ...wishes }
  return Machine.ready({
    recipients: { [a]: wishing, [b]: tagOnly },
    session: { quarantine: 'spam@example.org' },
    ...more,
  })
}

/** Of the last transaction: verdict and reason of each. */
const whyOf = (machine: Machine): Record<string, [string | undefined, string]> =>
  Object.fromEntries(
    (machine.transactions.at(-1)?.recipients ?? []).map(({ address, verdict, reason }) => [
      address.slice(0, 1),
      [verdict, describeReason(reason)],
    ]),
  )

const codesOf = (lines: readonly string[]): string[] => lines.map((line) => line.slice(0, 9))

describe('defer_at', () => {
  test('policies.md: “From defer_at on the client hears 451 for this recipient, with a time to come back.”', () => {
    const machine = ready({ tagAt: 5, deferAt: 9, rejectAt: 20 })
    const { text } = machine.message([a, b], scored(9), prdr)
    expect(text).toEqual([
      expect.stringMatching(/^353 /),
      expect.stringMatching(/^451 4\.7\.1 <a@example\.org> .*retry=00:05:00$/),
      expect.stringMatching(/^250 /),
      expect.stringMatching(/^250 /),
    ])
    expect(whyOf(machine)).toEqual({
      a: ['defer', 'defer_at (score 9, threshold 9)'],
      b: ['tag', 'tag_at (score 9, threshold 6)'],
    })
  })

  test.each([
    [5, 'tag'],
    [9, 'defer'],
    [20, 'reject'],
  ])('at %d: %s', (score, verdict) => {
    const machine = ready({ tagAt: 5, deferAt: 9, rejectAt: 20 })
    machine.message([a], scored(score))
    expect(whyOf(machine)['a']?.[0]).toBe(verdict)
  })

  test('alone, it is no sign of a sender that can not be split, and nothing is kept of it', () => {
    const machine = ready({ deferAt: 9 })
    for (let i = 0; i < 5; i++)
      expect(codesOf(machine.message([a], scored(9)).text)).toEqual(['451 4.7.1'])
    expect(machine.ledger.splits.size).toBe(0)
    expect(machine.parcels).toEqual([])
  })

  test('policies.md: “If the sender makes no progress because of this, Rcptwise forgives the message (rule 5), and the recipient gets it tagged.”', () => {
    const machine = ready({ deferAt: 9 }, { peer: { strategy: 'late' } })
    const told = Array.from({ length: 3 }, () => codesOf(machine.message([a, b], scored(9)).text))
    expect(told).toEqual([['451 4.5.3'], ['451 4.5.3'], ['250 2.0.0']])
    const taken = machine.parcels.flatMap(({ result, recipients }) =>
      recipients.map(({ argument }) => `${argument} ${result}`),
    )
    expect(taken).toEqual([`<${b}> tagged`, `<${a}> tagged`])
  })

  test.each(['lenient', 'off', 'bounce'] as const)(
    '%s: who would put it off beside others gets it',
    (strategy) => {
      const machine = ready({ deferAt: 9 }, { peer: { strategy } })
      expect(codesOf(machine.message([a, b], scored(9)).text)).toEqual(['250 2.0.0'])
      expect(whyOf(machine)['a']?.[1]).toContain('not defer_at')
    },
  )
})

describe('a further scorer', () => {
  const both = (rspamd: number, spamd: number): Findings => {
    const of = (judge: string, score: number, weighs: boolean): Finding => ({
      judge,
      judgement: { kind: 'judged', score, symbols: [] },
      onFailure: 'accept',
      weighs,
    })
    return { all: [of('rspamd', rspamd, true), of('spamd', spamd, false)], revision: [] }
  }
  const wishes = { tagAt: 6, rejectAt: 15, scorers: { spamd: { tagAt: 5, rejectAt: 8 } } }

  test.each([
    [4, 4, 'accept', 'below limits'],
    [14, 4, 'tag', 'tag_at (score 14, threshold 6)'],
    [4, 7, 'tag', 'tag_at (score 7, threshold 5, by spamd)'],
    [7, 9, 'reject', 'reject_at (score 9, threshold 8, by spamd)'],
    [16, 9, 'reject', 'reject_at (score 16, threshold 15)'],
    [5.9, 4.9, 'accept', 'below limits'],
  ])(
    'policies.md: “The strictest verdict counts.” rspamd %d, spamd %d: %s',
    (rspamd, spamd, verdict, why) => {
      const machine = ready(wishes)
      machine.message([a], { findings: both(rspamd, spamd) })
      expect(whyOf(machine)['a']).toEqual([verdict, why])
    },
  )

  test('has nothing to do with a policy that says nothing of it', () => {
    const machine = ready({ tagAt: 6, rejectAt: 15 })
    machine.message([a], { findings: both(4, 100) })
    expect(whyOf(machine)['a']).toEqual(['accept', 'below limits'])
  })

  test('the same name stands for the first one, where it is that', () => {
    const machine = ready({ scorers: { rspamd: { rejectAt: 3 } } })
    machine.message([a], { findings: both(4, 0) })
    expect(whyOf(machine)['a']).toEqual(['reject', 'reject_at (score 4, threshold 3)'])
  })
})

describe('never_reject', () => {
  test.each<[string, Opinion['verdict'], Partial<Policy>, string]>([
    ['a refusal', 'reject', {}, 'tagged'],
    ['a refusal', 'reject', { quarantineAt: 8 }, 'quarantined'],
    ['what is thrown away', 'discard', {}, 'tagged'],
  ])(
    '%s: policies.md: “With never_reject the recipient gets what a judge refuses or throws away.” (%s, %j: %s)',
    (_, verdict, more, result) => {
      const machine = ready({ neverReject: true, ...more }, { recipients: {} })
      const recipients: Record<string, Policy> = {
        [a]: { name: 'wishing', neverDefer: false, neverReject: true, ...more },
        [b]: strict,
      }
      const both = Machine.ready({ recipients, session: { quarantine: 'spam@example.org' } })
      both.message([a, b], forcing({ verdict }), prdr)
      expect(both.parcels.map((parcel) => [parcel.result, parcel.recipients.length])).toEqual([
        [result, 1],
      ])
      expect(whyOf(both)['a']?.[1]).toBe('never_reject, not forced by judge')
      expect(whyOf(both)['b']).toEqual([verdict, 'forced by judge'])
      expect(machine.parcels).toEqual([])
    },
  )

  test('a judge that puts it off puts it off for this recipient, too', () => {
    const machine = ready({ neverReject: true })
    expect(codesOf(machine.message([a], forcing({ verdict: 'defer' })).text)).toEqual(['451 4.7.0'])
  })

  test('lenient: who has it marked keeps it, and the others hear the refusal', () => {
    const machine = ready({ neverReject: true }, { peer: { strategy: 'late' } })
    machine.message([a, b], forcing({ verdict: 'reject' }))
    expect(machine.parcels.map(({ result }) => result)).toEqual(['tagged'])
    const [again] = machine.message([a, b], forcing({ verdict: 'reject' })).rcpts
    expect(again).toMatch(/^250 /)
    expect(machine.message([b], forcing({ verdict: 'reject' })).text).toEqual([
      expect.stringMatching(/^550 /),
    ])
    expect(machine.parcels).toHaveLength(1)
  })
})

describe('no_greylisting', () => {
  const greylisting = (score: number) =>
    forcing({ verdict: 'defer', reply: { code: 451, lines: ['4.7.1 Try later'] } }, score)

  test('policies.md: “With no_greylisting a judge that wants everyone to come again does not make this recipient wait.”', () => {
    const machine = ready({ noGreylisting: true, tagAt: 6 })
    const { text } = machine.message([a, b], greylisting(0), prdr)
    expect(codesOf(text)).toEqual(['353 One r', '250 2.0.0', '451 4.7.1', '250 2.0.0'])
    expect(whyOf(machine)).toEqual({
      a: ['accept', 'no_greylisting, not forced by judge'],
      b: ['defer', 'forced by judge'],
    })
  })

  test('its score counts all the same', () => {
    const machine = ready({ noGreylisting: true, tagAt: 6, rejectAt: 9 })
    machine.message([a], greylisting(7))
    machine.message([a], greylisting(10))
    expect(
      machine.transactions.map(({ recipients: [one] }) => [
        one?.verdict,
        one === undefined ? '' : describeReason(one.reason),
      ]),
    ).toEqual([
      ['tag', 'tag_at (score 7, threshold 6)'],
      ['reject', 'reject_at (score 10, threshold 9)'],
    ])
  })

  test('a client without PRDR comes again for the others, and nobody has it twice', () => {
    const machine = ready({ noGreylisting: true, tagAt: 6 }, { peer: { strategy: 'late' } })
    expect(codesOf(machine.message([a, b], greylisting(0)).text)).toEqual(['451 4.7.1'])
    expect(codesOf(machine.message([a, b], { findings: found({ kind: 'silent' }) }).text)).toEqual([
      '250 2.0.0',
    ])
    const taken = machine.parcels.flatMap(({ recipients }) =>
      recipients.map(({ argument }) => argument),
    )
    expect(taken.toSorted()).toEqual([`<${a}>`, `<${b}>`])
  })
})
