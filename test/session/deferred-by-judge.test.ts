/**
 * A filter's own `defer`, such as greylisting: its words, and nothing of it is taken for what a
 * split does. In each attempt of a message the filter is asked with the same recipients.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { JudgedEnvelope } from '../../src/judge/judge.ts'
import type { Judgement, Said } from '../../src/verdict/judgement.ts'
import { Machine, type MachineOptions, policies, type Text } from '../support/machine.ts'

const [a, b, c] = ['a@example.org', 'b@example.org', 'c@example.org'] as const
const all = [a, b, c]
const recipients = { [a]: policies.tagOnly, [b]: policies.strict, [c]: policies.careful }

const greylisted = {
  kind: 'judged',
  score: 0,
  symbols: ['GREYLIST', 'R_SPF_ALLOW'],
  opinion: { verdict: 'defer', reply: { code: 451, detail: '7.1', lines: ['Try again later'] } },
} as const satisfies Judgement
const scored = (score: number): Judgement => ({ kind: 'judged', score, symbols: ['R_SPF_ALLOW'] })
const strategies = ['group', 'single', 'late', 'lenient', 'off'] as const
const machineOf = (strategy: (typeof strategies)[number], more: MachineOptions = {}): Machine =>
  Machine.ready({ recipients, ...more, peer: { strategy, ...more.peer } })

/** Whom the filter was asked with, message by message. */
const askedWith = (machine: Machine): (readonly string[])[] =>
  machine.effects.flatMap((effect): (readonly string[])[] => {
    const judged = 'judged' in effect ? (effect.judged as JudgedEnvelope | undefined) : undefined
    return judged === undefined ? [] : [judged.firstRecipients]
  })

/** Sends the message again and again to whom it is not answered for; gives the replies to texts. */
function sendUntilAnswered(
  machine: Machine,
  texts: readonly Partial<Text>[],
  order: (to: readonly string[]) => readonly string[] = (to) => to,
): string[] {
  let open: readonly string[] = all
  const replies: string[] = []
  for (const text of texts) {
    const offered = order(open)
    const said = machine.message(offered, text)
    const reply = said.text[0] ?? ''
    replies.push(reply)
    if (!reply.startsWith('4'))
      open = open.filter((to) => said.rcpts[offered.indexOf(to)]?.startsWith('4') === true)
    if (open.length === 0) break
  }
  return replies
}

describe('a message that is greylisted and then answered in parts', () => {
  test.each(strategies)(
    '%s: judges.md: “In each attempt rspamd is told the recipients of the first one: a split message is greylisted once, and not group by group.”',
    (strategy) => {
      const machine = machineOf(strategy)
      const later = Array.from({ length: 8 }, () => ({ judgement: scored(9.5) }))
      const replies = sendUntilAnswered(machine, [{ judgement: greylisted }, ...later])
      expect(replies[0]).toBe('451 4.7.1 Try again later')
      expect(replies.at(-1)).not.toMatch(/^4/)
      for (const told of askedWith(machine)) expect(told).toEqual(all)
    },
  )

  test('in whatever order they come back', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...strategies),
        fc.integer({ min: 0, max: 5 }),
        (strategy, turn) => {
          const machine = machineOf(strategy)
          let attempt = 0
          const order = (to: readonly string[]): readonly string[] => {
            const by = (turn + attempt++) % to.length
            return [...to.slice(by), ...to.slice(0, by)]
          }
          const texts = Array.from({ length: 8 }, (_, i) => ({
            judgement: i === turn ? greylisted : scored(9.5),
          }))
          sendUntilAnswered(machine, texts, order)
          for (const told of askedWith(machine)) expect(told).toEqual(all)
        },
      ),
    )
  })

  test('who is refused at RCPT is not among them; who is postponed is', () => {
    const machine = machineOf('group', {
      world: {
        rcpt: (address) =>
          address === a
            ? { code: 550, lines: ['5.1.1 Unknown'] }
            : { code: address === b ? 450 : 250, lines: ['2.1.5 Ok'] },
      },
    })
    machine.message(all, { judgement: greylisted })
    expect(askedWith(machine)).toEqual([[b, c]])
  })
})

describe("the filter's defer", () => {
  test.each(strategies)('%s: has its words, and no retry=', (strategy) => {
    const { text } = machineOf(strategy).message(all, { judgement: greylisted })
    expect(text).toEqual(['451 4.7.1 Try again later'])
  })

  test.each(strategies)('%s: PRDR', (strategy) => {
    const { text } = machineOf(strategy).message(all, { judgement: greylisted }, ' PRDR')
    expect(text).toEqual(['451 4.7.1 Try again later'])
  })

  test.each(['late', 'lenient', 'off'] as const)('%s: opens no split', (strategy) => {
    const machine = machineOf(strategy)
    machine.message(all, { judgement: greylisted })
    expect(machine.ledger.open).toEqual([])
    expect(machine.transactions[0]?.recipients.map(({ fate }) => fate)).toEqual(
      all.map(() => 'through'),
    )
  })

  test.each(['group', 'single'] as const)(
    '%s: however often, it is no progress and none is missed (rule 5): the message is not forgiven for it',
    (strategy) => {
      const machine = machineOf(strategy)
      for (let i = 0; i < 10; i++) machine.message(all, { judgement: greylisted })
      expect(machine.ledger.open).toMatchObject([
        { idleAttempts: 0, forgiven: false, deferredByJudge: true },
      ])
      expect(machine.transactions.every(({ unsplit }) => unsplit === undefined)).toBe(true)
    },
  )

  test('it does not take back what was counted before it', () => {
    const machine = machineOf('group', { peer: { forgiveAfter: 9 } })
    const idle = (): number | undefined => machine.ledger.open[0]?.idleAttempts
    // The text never comes: somebody was deferred, and nobody got further.
    const breaksOff = (): void => {
      machine.send('MAIL FROM:<sender@example.net>', ...all.map((to) => `RCPT TO:<${to}>`), 'RSET')
    }
    breaksOff()
    breaksOff()
    const before = idle()
    expect(before).toBeGreaterThan(0)
    machine.message(all, { judgement: greylisted })
    expect(idle()).toBe(before)
    breaksOff()
    expect(idle()).toBe((before ?? 0) + 1)
    expect(machine.ledger.open[0]).not.toHaveProperty('deferredByJudge')
  })

  test('when the group alone is deferred by it, that is no forced retry', () => {
    const machine = machineOf('group')
    machine.message([a], { judgement: greylisted })
    const [fact] = machine.transactions
    expect(fact).toMatchObject({ deferredByJudge: true, outcome: 'deferred' })
    expect(machine.ledger.open).toEqual([])
  })

  test('what shadow would have cost is counted once, when the message is judged', () => {
    const machine = machineOf('lenient', { peer: { shadow: 'group' } })
    machine.message(all, { judgement: greylisted })
    machine.message(all, { judgement: scored(9.5) })
    expect(machine.transactions.map(({ shadow }) => shadow === undefined)).toEqual([true, false])
  })
})

describe('a filter that scans for each group defers one of them', () => {
  const own = (others: number): Judgement => ({
    kind: 'judged',
    symbols: [],
    own: new Map<number, Said>([
      [0, { score: others }],
      [1, greylisted],
      [2, { score: others }],
    ]),
  })

  test.each([
    ['others have it', 3],
    ['others refuse', 99],
  ])('%s: the one reply is in its words', (_name, score) => {
    const { text } = machineOf('late').message(all, { judgement: own(score) })
    expect(text).toEqual(['451 4.7.1 Try again later'])
  })

  test('who has the message gets it once', () => {
    const machine = machineOf('late')
    machine.message(all, { judgement: own(3) })
    const { text } = machine.message(all, { judgement: scored(3) })
    expect(text).toEqual([expect.stringMatching(/^250 /)])
    expect(
      machine.parcels
        .flatMap(({ recipients: members }) => members.map(({ index }) => index))
        .sort(),
    ).toEqual([0, 1, 2])
  })
})
