/**
 * A PRDR block ends with 250; equal answers are one traditional reply, unless someone was deferred
 * in the same transaction.
 */
import { describe, expect, test } from 'vitest'
import { isPositive, type Reply } from '../../src/smtp/reply.ts'
import { answerEach, type Circumstances } from '../../src/verdict/answer.ts'
import { reason } from '../../src/verdict/reason.ts'
import { Machine, policies } from '../support/machine.ts'

const alone: Circumstances = {
  anyoneDeferred: false,
  mayComeAgain: false,
  othersMayBeOpen: false,
  retryHintSeconds: 60,
}
const outcomes = (...codes: number[]) =>
  codes.map((code, index) => ({
    index,
    address: `r${index}`,
    mailbox: `r${index}`,
    reply: { code, detail: '0.0', lines: ['x'] } satisfies Reply,
    reason: reason('backend at text'),
  }))

describe('rules.md: “A PRDR block ends with 250, whatever the lines above it say.” “If all recipients get equal answers, Rcptwise gives one ordinary reply, unless someone was deferred.”', () => {
  test.each<[string, number[], Partial<Circumstances>, number[]]>([
    ['all accepted', [250, 250], {}, [250]],
    ['all refused', [550, 550], {}, [550]],
    ['all later', [451, 451], {}, [451]],
    ['one', [250], {}, [250]],
    ['mixed', [250, 550], {}, [353, 250, 550, 250]],
    ['mixed, none accepted', [450, 550], {}, [353, 450, 550, 250]],
    ['refused with different codes', [550, 554], {}, [353, 550, 554, 250]],
    ['all accepted, someone deferred', [250, 250], { anyoneDeferred: true }, [250]],
    ['all refused, someone deferred', [550, 550], { anyoneDeferred: true }, [353, 550, 550, 250]],
    ['one refused, someone deferred', [550], { anyoneDeferred: true }, [353, 550, 250]],
    ['all later, someone deferred', [450, 450], { anyoneDeferred: true }, [353, 450, 450, 250]],
    [
      'all refused, others may not have been offered yet',
      [550, 550],
      { othersMayBeOpen: true },
      [353, 550, 550, 250],
    ],
    [
      'all accepted, others may not have been offered yet',
      [250, 250],
      { othersMayBeOpen: true },
      [250],
    ],
  ])('%s', (_name, codes, circumstances, lines) => {
    const answer = answerEach(outcomes(...codes), { ...alone, ...circumstances })
    expect(answer.lines.map(({ code }) => code)).toEqual(lines)
    if (answer.lines.length > 1)
      expect(isPositive(answer.lines.at(-1) ?? { code: 0, lines: [''] })).toBe(true)
    expect(answer.final.map(({ index }) => index)).toEqual(
      codes.flatMap((code, i) => (code >= 500 || code < 300 ? [i] : [])),
    )
  })

  const recipients = { 'a@example.org': policies.tagOnly, 'b@example.org': policies.strict }
  const spam = { judgement: { kind: 'judged', score: 9, symbols: [] } } as const

  test('no line for a recipient that got no 250 at RCPT, two for one that got it twice', () => {
    const machine = Machine.ready({
      recipients,
      world: {
        rcpt: (address) => ({ code: address.startsWith('x') ? 550 : 250, lines: ['2.1.5 -'] }),
      },
    })
    const to = ['a@example.org', 'x@example.org', 'b@example.org', 'a@example.org']
    expect(machine.message(to, spam, ' PRDR').text.map((line) => line.slice(0, 3))).toEqual([
      '353',
      '250',
      '550',
      '250',
      '250',
    ])
  })

  test('353 has no enhanced status code (draft-hall-prdr-00 4.5.1), and without PRDR there is none', () => {
    expect(
      Machine.ready({ recipients }).message(['a@example.org', 'b@example.org'], spam, ' PRDR')
        .text[0],
    ).toMatch(/^353 [A-Z]/)
    for (const strategy of ['group', 'single', 'lenient', 'off'] as const) {
      const machine = Machine.ready({ recipients, peer: { strategy } })
      expect(machine.message(['a@example.org', 'b@example.org'], spam).text).toHaveLength(1)
      expect(machine.writes.join('')).not.toContain('353')
    }
  })

  test('a 452 earlier in the session: a single 550 could hit recipients that are held back (senders: Exim)', () => {
    const limits = { recipients: 1, transactionsPerSession: 9, errorsPerSession: 9 }
    const machine = Machine.ready({ recipients, session: { limits } })
    machine.message(['a@example.org', 'b@example.org'])
    expect(
      machine
        .message(['b@example.org'], { ...spam, message: 'another' }, ' PRDR')
        .text.map((line) => line.slice(0, 3)),
    ).toEqual(['353', '550', '250'])
  })
})
