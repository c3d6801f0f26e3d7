/** `group`: who goes through, who is deferred, for clients that pipeline and those that do not. */
import { describe, expect, test } from 'vitest'
import type { Reply } from '../../src/smtp/reply.ts'
import type { Policy } from '../../src/verdict/policy.ts'
import { Machine, type MachineOptions, policies } from '../support/machine.ts'

/** The first letter is the policy: t tag-only, c careful, s strict, v never_defer. */
const byLetter: Readonly<Record<string, Policy>> = {
  t: policies.tagOnly,
  c: policies.careful,
  s: policies.strict,
  v: policies.vip,
}
const policy = (address: string) =>
  ({ kind: 'found', policy: byLetter[address.charAt(0)] ?? policies.careful }) as const
const addresses = (names: string): string[] => names.split(' ').map((name) => `${name}@example.org`)
const codes = (rcpts: readonly string[]): string => rcpts.map((line) => line.slice(0, 3)).join(' ')

function machine(options: MachineOptions = {}): Machine {
  return Machine.ready({ ...options, world: { policy, ...options.world } })
}

describe('rules.md: “With group and single, Rcptwise defers some recipients earlier, for policy.” strategies.md: “With group, recipients with never_defer: true go first.” “Then comes the largest group among those that were pipelined together; a tie goes to the one offered first.”', () => {
  test.each([
    ['one group', 't1 t2 t3', '250 250 250'],
    ['the larger one, although it comes last', 't1 s1 s2', '451 250 250'],
    ['a tie goes to the first one offered', 's1 t1', '250 451'],
    ['three groups', 't1 s1 c1 s2 c2 c3', '451 451 250 451 250 250'],
    ['never_defer goes before a larger group', 't1 t2 v1', '451 451 250'],
    ['and takes those of its thresholds along', 'v1 t1 v2', '250 451 250'],
    ['the default policy is a group like any other', 'x1 c1 t1', '250 250 451'],
  ])('%s: %s', (_name, names, expected) => {
    expect(codes(machine().message(addresses(names)).rcpts)).toBe(expected)
  })

  test('strategies.md: “A group is the recipients whose policies say the same, whatever their names.”', () => {
    const twin = { ...policies.strict, name: 'other' }
    const recipients = { 'a@example.org': policies.strict, 'b@example.org': twin }
    expect(
      codes(Machine.ready({ recipients }).message(['a@example.org', 'b@example.org']).rcpts),
    ).toBe('250 250')
  })

  test('who is unknown behind is refused at once, and does not count in the choice', () => {
    const rcpt = (address: string): Reply =>
      address.startsWith('s')
        ? { code: 550, lines: ['5.1.1 Unknown'] }
        : { code: 250, lines: ['2.1.5 Ok'] }
    expect(codes(machine({ world: { rcpt } }).message(addresses('s1 s2 t1')).rcpts)).toBe(
      '550 550 250',
    )
  })

  test('late answers are waited for, in any order, and leave in one write', () => {
    const late = machine({ world: { rcpt: () => undefined } })
    expect(
      late.send(
        'MAIL FROM:<s@example.net>',
        ...addresses('t1 s1 s2').map((to) => `RCPT TO:<${to}>`),
        'DATA',
      ),
    ).toHaveLength(1)
    const ok: Reply = { code: 250, lines: ['2.1.5 Ok'] }
    expect(late.tell({ kind: 'recipientReplied', index: 2, reply: ok })).toEqual([])
    expect(late.tell({ kind: 'recipientReplied', index: 0, reply: ok })).toEqual([])
    expect(codes(late.tell({ kind: 'recipientReplied', index: 1, reply: ok }))).toBe(
      '451 250 250 354',
    )
  })

  test('a second batch follows the choice of the first', () => {
    const two = machine()
    two.send('MAIL FROM:<s@example.net>')
    expect(codes(two.send('RCPT TO:<t1@example.org>'))).toBe('250')
    expect(codes(two.send(...addresses('s1 s2 t2 v1').map((to) => `RCPT TO:<${to}>`)))).toBe(
      '451 451 250 250',
    )
  })
})

describe("strategies.md: “With first: offered the sender's order decides”", () => {
  test.each([
    ['t1 s1 s2', '250 451 451'],
    ['s1 t1 t2 s2', '250 451 451 250'],
    ['t1 v1', '250 250'],
  ])('%s', (names, expected) => {
    expect(codes(machine({ peer: { first: 'offered' } }).message(addresses(names)).rcpts)).toBe(
      expected,
    )
  })
})

describe('the other strategies, strategies.md: “table under Strategies for senders without PRDR”', () => {
  test.each([
    ['single', 't1 t2 s1', '250 451 451'],
    ['single', 't1 v1 v2', '451 250 250'],
    ['lenient', 't1 s1 c1', '250 250 250'],
    ['off', 't1 s1 c1', '250 250 250'],
  ] as const)('%s: %s', (strategy, names, expected) => {
    expect(codes(machine({ peer: { strategy } }).message(addresses(names)).rcpts)).toBe(expected)
  })

  const spam = { judgement: { kind: 'judged', score: 9, symbols: [] } } as const
  test.each([
    ['lenient', ['tagged'], '250'],
    ['off', ['tagged'], '250'],
  ] as const)('%s: verdicts differ', (strategy, results, code) => {
    const one = machine({ peer: { strategy } })
    expect(one.message(addresses('t1 s1'), spam).text[0]).toMatch(code)
    expect(one.parcels.map(({ result }) => result)).toEqual(results)
  })

  test('strategies.md: “Only single splits a message whose recipients are all of one group.”', () => {
    for (const strategy of ['group', 'late', 'bounce', 'lenient', 'off', 'single'] as const)
      for (const score of [0, 6, 20]) {
        const one = machine({ peer: { strategy } })
        const { rcpts } = one.message(addresses('s1 s2 s3'), {
          judgement: { kind: 'judged', score, symbols: [] },
        })
        expect(codes(rcpts), strategy).toBe(strategy === 'single' ? '250 451 451' : '250 250 250')
        expect(one.ledger.open, strategy).toHaveLength(strategy === 'single' ? 1 : 0)
      }
  })

  test('lenient, all refuse: one true reply', () => {
    expect(
      machine({ peer: { strategy: 'lenient' } }).message(addresses('s1 s2'), spam).text[0],
    ).toMatch(/^550/)
  })
})

describe('unknown_recipients: conceal', () => {
  const rcpt = (address: string): Reply =>
    address.startsWith('x')
      ? { code: 550, lines: ['5.1.1 Unknown'] }
      : { code: 250, lines: ['2.1.5 Ok'] }
  const conceal: MachineOptions = { session: { unknownRecipients: 'conceal' }, world: { rcpt } }

  test('at RCPT nobody can tell; after the text they are refused alone', () => {
    const one = machine(conceal)
    expect(codes(one.message(addresses('x1')).rcpts)).toBe('250')
    expect(one.message(addresses('x1'), { message: 'again' }).text[0]).toBe('550 5.1.1 Unknown')
    expect(one.parcels).toEqual([])
  })

  test('with others they are a group of their own, which goes last', () => {
    const one = machine(conceal)
    expect(codes(one.message(addresses('x1 x2 t1')).rcpts)).toBe('451 451 250')
    const last = one.message(addresses('x1 x2'))
    expect(codes(last.rcpts)).toBe('250 250')
    expect(last.text[0]).toBe('550 5.1.1 Unknown')
    expect(one.ledger.open).toEqual([])
  })

  test('a PRDR block tells it to each', () => {
    expect(
      machine(conceal)
        .message(addresses('t1 x1'), {}, ' PRDR')
        .text.map((line) => line.slice(0, 9)),
    ).toEqual(['353 One r', '250 2.0.0', '550 5.1.1', '250 2.0.0'])
  })

  test.each(['lenient', 'off'] as const)(
    '%s has one answer for all, so they are refused at RCPT',
    (strategy) => {
      const one = machine({ ...conceal, peer: { strategy } })
      const said = one.message(addresses('t1 x1'))
      expect(codes(said.rcpts)).toBe('250 550')
      expect(said.text[0]).toMatch(/^250/)
    },
  )
})

describe('last_word: backend', () => {
  test('one transaction a group, its reply is the verdict', () => {
    const one = machine({
      session: { lastWord: 'backend' },
      world: {
        deliver: (parcel) => ({
          reply: parcel.recipients.some(({ argument }) => argument.startsWith('<s'))
            ? { code: 550, lines: ['5.7.1 Spam'] }
            : { code: 250, lines: ['2.0.0 Ok'] },
        }),
      },
    })
    expect(
      one.message(addresses('t1 s1 t2'), {}, ' PRDR').text.map((line) => line.slice(0, 3)),
    ).toEqual(['353', '250', '550', '250', '250'])
    expect(one.parcels.map((parcel) => parcel.recipients.map(({ index }) => index))).toEqual([
      [0, 2],
      [1],
    ])
  })
})

describe('two messages of one sender to the same people', () => {
  const spam = { judgement: { kind: 'judged', score: 9, symbols: [] } } as const
  test('whose refusal is kept back for others is deferred, and so a forced retry', () => {
    const one = machine()
    one.message(addresses('s1 t1'), spam)
    expect(one.facts.find(({ kind }) => kind === 'transactionEnded')).toMatchObject({
      recipients: [
        { fate: 'deferred', final: false },
        { fate: 'deferred', final: false },
      ],
    })
  })

  test('another message to someone whose refusal is kept is judged for itself', () => {
    const one = machine()
    one.message(addresses('s1 t1'), { ...spam, message: 'first' })
    one.message(addresses('s1 t1'), { ...spam, message: 'first' })
    const other = one.message(addresses('s1'), { message: 'second' })
    expect(other.text[0]).toMatch(/^250/)
    expect(one.message(addresses('s1'), { ...spam, message: 'first' }).text[0]).toMatch(/^550/)
    expect(one.message(addresses('t1'), { ...spam, message: 'first' }).text[0]).toMatch(/^250/)
    expect(one.ledger.open).toEqual([])
  })

  test('refused in one message, groups of another: answered apart, nobody is tagged for it', () => {
    const one = machine()
    const limit = { ...spam, judgement: { kind: 'judged', score: 20, symbols: [] } as const }
    one.message(addresses('s1 c1 t1'), { ...limit, message: 'first' })
    one.message(addresses('s1 c1'), { ...limit, message: 'first' })
    const recipients = addresses('s1 c1')
    let open = recipients
    for (let i = 0; i < 6 && open.length > 0; i++) {
      const said = one.message(open, { ...spam, message: 'second' })
      const done = /^[25]/.test(said.text[0] ?? '')
      if (done)
        expect(said.text[0]?.slice(0, 3)).toBe(
          open.length === 1 && open[0] === 's1@example.org' ? '550' : said.text[0]?.slice(0, 3),
        )
      open = open.filter((_, at) => !(done && said.rcpts[at]?.startsWith('250') === true))
    }
    expect(open).toEqual([])
    expect(one.transactions.some(({ unsplit }) => unsplit !== undefined)).toBe(false)
  })
})

test('the strategy is switched in the middle of a split', () => {
  for (const strategy of ['single', 'lenient', 'off', 'group'] as const) {
    const first = machine()
    first.message(addresses('t1 t2 s1 s2'), { message: 'one' })
    const next = machine({ ledger: first.ledger, peer: { strategy } })
    let open = addresses('s1 s2')
    for (let i = 0; i < 4 && open.length > 0; i++) {
      const said = next.message(open, { message: 'one' })
      expect(said.text[0]).toMatch(/^250/)
      open = open.filter((_, at) => said.rcpts[at]?.startsWith('250') !== true)
    }
    expect(open, strategy).toEqual([])
    expect(first.ledger.open, strategy).toEqual([])
  }
})

test('a split that began without PRDR ends with it', () => {
  const spam = { judgement: { kind: 'judged', score: 9, symbols: [] } } as const
  const one = machine()
  one.message(addresses('s1 t1 c1'), spam)
  const block = one.message(addresses('s1 t1 c1'), spam, ' PRDR')
  expect(codes(block.rcpts)).toBe('250 250 250')
  expect(block.text.map((line) => line.slice(0, 3))).toEqual(['353', '550', '250', '250', '250'])
  expect(one.ledger.open).toEqual([])
})
