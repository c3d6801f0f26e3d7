import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isPermanent, type Reply } from '../../src/smtp/reply.ts'
import { answerEach, answerTogether, type Circumstances } from '../../src/verdict/answer.ts'
import { replies } from '../../src/smtp/replies.ts'
import { reason } from '../../src/verdict/reason.ts'

const plain: Circumstances = {
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
    reply: { code, lines: [`reply ${index}`] } satisfies Reply,
    reason: reason('backend at text'),
  }))
const indices = (list: readonly { readonly index: number }[]): number[] =>
  list.map(({ index }) => index)

describe('one answer for a legacy client', () => {
  const rows: [string, number[], Partial<Circumstances>, number, number[], number[], number[]][] = [
    // outcomes, circumstances; reply; kept, delivered unsaid, final
    ['all taken', [250, 250], {}, 250, [], [], [0, 1]],
    [
      'all taken, someone deferred',
      [250, 250],
      { anyoneDeferred: true, mayComeAgain: true },
      250,
      [],
      [],
      [0, 1],
    ],
    ['all refused', [550, 550], {}, 550, [], [], [0, 1]],
    ['all refused, someone deferred', [550, 550], { anyoneDeferred: true }, 451, [0, 1], [], []],
    ['one later', [250, 451, 550], {}, 451, [2], [0], []],
    ['mixed, can be answered in parts', [250, 550], { mayComeAgain: true }, 451, [1], [0], []],
    ['mixed, can not', [250, 550], {}, 550, [], [], [0, 1]],
    ['mixed, someone deferred', [250, 550], { anyoneDeferred: true }, 451, [1], [0], []],
    ['nobody', [], {}, 554, [], [], []],
  ]
  test.each(rows.map((row) => ({ name: row[0], row })))(
    '$name',
    ({ row: [, codes, circumstances, code, kept, unsaid, final] }) => {
      const answer = answerTogether(outcomes(...codes), { ...plain, ...circumstances })
      expect(answer.lines.map((line) => line.code)).toEqual([code])
      expect([
        indices(answer.refusalsKept),
        indices(answer.deliveredUnsaid),
        indices(answer.final),
      ]).toEqual([kept, unsaid, final])
    },
  )

  test.each<[string, number[], Partial<Circumstances>, string[], string[]]>([
    ['mixed', [250, 550], { mayComeAgain: true }, ['shared reply'], ['shared reply']],
    ['mixed, someone deferred', [250, 550], { anyoneDeferred: true }, ['rule 2'], ['shared reply']],
    ['all refused, someone deferred', [550], { anyoneDeferred: true }, ['rule 2'], []],
    ['one later', [250, 451, 550], {}, ['shared reply'], ['shared reply']],
  ])('%s: why they are told to come again', (_name, ...row) => {
    const [codes, circumstances, kept, unsaid] = row
    const answer = answerTogether(outcomes(...codes), { ...plain, ...circumstances })
    const words = [answer.refusalsKept, answer.deliveredUnsaid].map((list) =>
      list.map(({ reason }) => reason.because),
    )
    expect(words).toEqual([kept, unsaid])
    for (const { reason: why } of [...answer.refusalsKept, ...answer.deliveredUnsaid])
      expect(why).toMatchObject({ overrules: { because: 'backend at text' } })
  })

  test('someone has to come again: words about one of them are not told to the others', () => {
    const text = (...codes: number[]) =>
      answerTogether(outcomes(...codes), plain).lines[0]?.lines[0]
    expect(text(451, 450)).toBe('reply 0')
    expect(text(250, 452)).toBe(text(550, 450))
    expect(text(250, 452)).toMatch(
      /^The recipients of this message are answered separately; .*retry=00:01:00$/,
    )
  })

  test('some have it, and the others are refused for good: the refusal says for whom', () => {
    const [reply] = answerTogether(outcomes(250, 552, 250, 552), plain).lines
    expect(reply).toEqual({
      code: 552,
      lines: ['reply 1 (only for <r1>, <r3>; the other recipients have the message)'],
    })
  })

  test("a refusal that names one recipient is not told to several; the backend's words are", () => {
    const ours = outcomes(550, 550).map((outcome) => ({
      ...outcome,
      reply: replies.rejected(outcome.mailbox),
    }))
    expect(answerTogether(ours, plain).lines[0]?.lines[0]).toBe(
      'The recipients refuse this message as spam',
    )
    const full = { ...ours[0], reply: { code: 552, lines: ['5.2.2 Mailbox full'] } satisfies Reply }
    for (const mixed of [
      [...ours, full],
      [full, ...ours],
    ])
      expect(
        answerTogether(mixed as typeof ours, plain).lines[0]?.lines[0],
        'spam is not why a mailbox is full',
      ).toMatch(/each for a reason of their own$/)
    expect(answerTogether(ours.slice(0, 1), plain).lines[0]?.lines[0]).toBe(
      '<r0> refuses this message as spam',
    )
    expect(answerTogether(outcomes(550, 550), plain).lines[0]?.lines[0]).toBe('reply 0')
  })

  test('PRDR: refusals in different words are told one by one, those in the same words once', () => {
    expect(answerEach(outcomes(552, 552), plain).lines.map(({ code }) => code)).toEqual([
      353, 552, 552, 250,
    ])
    const same = outcomes(552, 552).map((outcome) => ({
      ...outcome,
      reply: { code: 552, lines: ['no'] } satisfies Reply,
    }))
    expect(answerEach(same, plain).lines.map(({ code }) => code)).toEqual([552])
    expect(answerEach(outcomes(250, 250), plain).lines.map(({ code }) => code)).toEqual([250])
  })

  test('always: every recipient is final, kept, unsaid or told to come again; never 5yz where someone was deferred', () => {
    const code = fc.constantFrom(250, 450, 451, 550, 554)
    const circumstances = fc.record({
      anyoneDeferred: fc.boolean(),
      mayComeAgain: fc.boolean(),
      othersMayBeOpen: fc.boolean(),
      retryHintSeconds: fc.constant(60),
    })
    fc.assert(
      fc.property(fc.array(code, { minLength: 1, maxLength: 6 }), circumstances, (codes, given) => {
        const all = outcomes(...codes)
        const { lines, refusalsKept, deliveredUnsaid, final } = answerTogether(all, given)
        const [said] = lines
        if (given.anyoneDeferred && said !== undefined) expect(isPermanent(said)).toBe(false)
        if (said?.code === 250) expect(codes.every((one) => one === 250)).toBe(true)
        expect(new Set([...refusalsKept, ...deliveredUnsaid, ...final]).size).toBe(
          refusalsKept.length + deliveredUnsaid.length + final.length,
        )
        if (final.length === 0) expect(said?.code).toBeLessThan(500)
        const block = answerEach(all, given)
        expect([1, all.length + 2]).toContain(block.lines.length)
      }),
    )
  })
})

describe('the words of a refusal for several recipients', () => {
  const refused = (...lines: string[]) =>
    lines.map((line, index) => ({
      index,
      address: `r${index}`,
      mailbox: `r${index}`,
      reply: { code: 550, detail: '7.1', lines: [line] } satisfies Reply,
      reason: reason('backend at text'),
    }))

  test.each([
    ['the same for all: they are said', ['a virus', 'a virus'], 'a virus'],
    [
      'of each its own: nobody hears those of another',
      ['<r0> refuses this message as spam', '<r1> refuses this message as spam'],
      'The recipients refuse this message as spam',
    ],
  ])('%s', (_name, lines, said) => {
    const { lines: told } = answerTogether(refused(...lines), plain)
    expect(told.map((reply) => reply.lines)).toEqual([[said]])
  })

  test('of some its own, put by themselves: the sender hears all of them, each once', () => {
    const many = refused(
      'Call us',
      '<r1> refuses this message as spam',
      'Write a letter',
      'Call us',
    )
    expect(answerTogether(many, plain).lines.map(({ lines }) => lines)).toEqual([
      [
        'The recipients refuse this message, each for a reason of their own',
        'Call us',
        'Write a letter',
      ],
    ])
    expect(
      answerEach(many, plain)
        .lines.map(({ lines: [line] }) => line)
        .slice(1, -1),
    ).toEqual(many.map(({ reply }) => reply.lines[0]))
  })

  test('a refusal for the size beside one as spam: each is told to a client with PRDR', () => {
    const [spam] = refused('<r0> refuses this message as spam')
    const size = { ...spam, index: 1, reply: replies.tooLargeFor('r1', 10) } as typeof spam
    const both = [spam, size].flatMap((one) => one ?? [])
    expect(answerEach(both, plain).lines.map(({ code }) => code)).toEqual([353, 550, 552, 250])
    expect(answerTogether(both, plain).lines[0]?.lines).toEqual([
      'The recipients refuse this message, each for a reason of their own',
      '<r1> takes no message that is larger than 10 octets',
    ])
  })
})
