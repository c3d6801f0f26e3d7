/** What judges find reaches every recipient: opinions, their words, edits, and what is found of some. */
import { describe, expect, test } from 'vitest'
import { checkEdits, type Edits } from '../../src/message/edits.ts'
import type { Finding, Findings, Judgement, Opinion, Said } from '../../src/verdict/judgement.ts'
import { found } from '../support/found.ts'
import { Machine, type MachineOptions, policies } from '../support/machine.ts'

const [a, b, c] = ['a@example.org', 'b@example.org', 'c@example.org'] as const
const recipients = { [a]: policies.tagOnly, [b]: policies.strict, [c]: policies.tagOnly }

const judged = (said: Said, own?: ReadonlyMap<number, Said>): Judgement => ({
  kind: 'judged',
  symbols: [],
  ...said,
  ...(own === undefined ? {} : { own }),
})

const forced = (verdict: Opinion['verdict'], words?: string, code = 550): Judgement =>
  judged({
    score: 0,
    opinion: words === undefined ? { verdict } : { verdict, reply: { code, lines: [words] } },
  })

function adds(name: string, value: string): Edits {
  const edits = checkEdits([{ do: 'add', name, value: ` ${value}` }])
  if ('failed' in edits) throw new Error(edits.failed)
  return edits
}

function together(...judgements: readonly Judgement[]): Findings {
  const all = judgements.map((judgement, i): Finding => ({
    judge: `judge${i}`,
    judgement,
    onFailure: 'accept',
    weighs: i === 0,
  }))
  return { all, revision: [] }
}

const prdr = ' PRDR'
const machineOf = (more: MachineOptions = {}): Machine => Machine.ready({ recipients, ...more })

describe('an opinion holds for every recipient', () => {
  test('refused in its words, whatever the policies are and whoever sends', () => {
    for (const parameters of ['', prdr]) {
      const machine = machineOf({ peer: { strategy: 'lenient' } })
      const { text } = machine.message(
        [a, b],
        { judgement: forced('reject', '5.7.9 a virus') },
        parameters,
      )
      expect(text).toEqual(['550 5.7.9 a virus'])
      expect(machine.parcels).toEqual([])
      const [fact] = machine.transactions
      expect(fact?.recipients.map(({ verdict, reason }) => [verdict, reason.because])).toEqual([
        ['reject', 'forced by judge'],
        ['reject', 'forced by judge'],
      ])
    }
  })

  test('a virus is not delivered because the strategy is lenient, or somebody has the message', () => {
    const machine = machineOf({ peer: { strategy: 'off' } })
    machine.message([a, b], { judgement: forced('reject') })
    expect(machine.parcels).toEqual([])
  })

  const spam = judged({ score: 9 })
  const mild = { ...policies.tagOnly, neverReject: true } as const
  test.each<[Opinion['verdict'], string]>([
    ['reject', 'reject'],
    ['discard', 'discard'],
    ['quarantine', 'tag'],
    ['defer', 'defer'],
  ])(
    'a forced %s is not made milder for who would have refused the score: with them, too, it is %s',
    (verdict, expected) => {
      for (const strategy of ['lenient', 'off'] as const) {
        const machine = machineOf({ peer: { strategy }, recipients: { ...recipients, [c]: mild } })
        machine.message([b, c], { findings: together(spam, forced(verdict)) })
        const [fact] = machine.transactions
        expect(fact?.recipients[0]?.verdict, strategy).toBe(expected)
      }
    },
  )

  test('deferred in its words, without a hint when to come again', () => {
    const machine = machineOf({ peer: { strategy: 'lenient' } })
    const { text } = machine.message([a, b], {
      judgement: forced('defer', '4.7.1 greylisted', 451),
    })
    expect(text).toEqual(['451 4.7.1 greylisted'])
    expect(machine.parcels).toEqual([])
    expect(machine.transactions[0]?.outcome).toBe('deferred')
  })

  test('its defer is no forced retry of a split, and no progress', () => {
    const machine = machineOf()
    const retries = (): number[] =>
      [...machine.ledger.splits.values()].map((split) => split.forcedRetries)
    machine.message([a, b], { judgement: forced('defer', '4.7.1 greylisted', 451) })
    const before = retries()
    for (let i = 0; i < 3; i++)
      machine.message([a], { judgement: forced('defer', '4.7.1 greylisted', 451) })
    expect(retries()).toEqual(before)
  })

  test.each([['group'], ['single']] as const)(
    'rule 2 holds for what is forced, too: with %s somebody was deferred, so the text is answered 451',
    (strategy) => {
      const machine = machineOf({ peer: { strategy } })
      const { text } = machine.message([a, b], { judgement: forced('reject', '5.7.9 a virus') })
      expect(text[0]).toMatch(/^451 /)
      expect(machine.parcels).toEqual([])
    },
  )

  test('thrown away: rules.md: “There is one exception, and you ask for it: when your filter throws a message away (discard), Rcptwise answers 250 and delivers it to nobody.” known-limits.md: “A filter can make an exception: when it throws a message away (discard), Rcptwise answers 250 and delivers it to nobody.”', () => {
    const machine = machineOf({ peer: { strategy: 'lenient' } })
    const { text } = machine.message([a, b], { judgement: forced('discard') })
    expect(text).toEqual(['250 2.0.0 OK'])
    expect(machine.parcels).toEqual([])
    expect(machine.transactions[0]?.recipients.map(({ verdict }) => verdict)).toEqual([
      'discard',
      'discard',
    ])
  })

  test('to the mailbox for quarantine', () => {
    const machine = machineOf({
      session: { quarantine: 'box@example.org' },
      peer: { strategy: 'lenient' },
    })
    machine.message([a, b], { judgement: forced('quarantine') })
    expect(machine.parcels.map(({ result }) => result)).toEqual(['quarantined'])
  })

  test('its words count only with a code that says what it wants', () => {
    const machine = machineOf()
    const { text } = machine.message([a], { judgement: forced('reject', '2.0.0 fine', 250) })
    expect(text).toEqual([expect.stringMatching(/^550 5\.7\.1 /)])
  })

  test('what it says can not end the line', () => {
    const machine = machineOf()
    const { text } = machine.message([a], { judgement: forced('reject', '5.7.9 a\r\n250 b') })
    expect(text).toEqual(['550 5.7.9 a??250 b'])
  })

  test('a forced verdict says nothing by its score', () => {
    const machine = machineOf()
    const judgement = judged({ score: 99, opinion: { verdict: 'accept' } })
    machine.message([b], { judgement })
    expect(machine.parcels.map(({ result }) => result)).toEqual(['plain'])
  })

  test('also where the server behind has the last word: it is not asked for whom a judge refuses', () => {
    const machine = machineOf({ session: { lastWord: 'backend' } })
    const { text } = machine.message([a], { judgement: forced('reject', '5.7.9 a virus') })
    expect(text).toEqual(['550 5.7.9 a virus'])
    expect(machine.parcels).toEqual([])
  })
})

describe('an opinion about one recipient is their own verdict', () => {
  const ownRefusal = judged(
    {},
    new Map([
      [1, { opinion: { verdict: 'reject', reply: { code: 550, lines: ['5.7.1 not b'] } } }],
    ]),
  )

  test('with PRDR each is told', () => {
    const machine = machineOf()
    const { text } = machine.message([a, b], { judgement: ownRefusal }, prdr)
    expect(text).toContain('550 5.7.1 not b')
    expect(machine.parcels.map(({ result }) => result)).toEqual(['plain'])
  })

  test.each([
    ['late', '451', ['plain']],
    ['lenient', '250', ['plain', 'tagged']],
    ['off', '250', ['plain']],
  ] as const)('%s answers %s', (strategy, code, parcels) => {
    const machine = machineOf({ peer: { strategy } })
    const { text } = machine.message([a, b], { judgement: ownRefusal })
    expect(text[0]?.slice(0, 3)).toBe(code)
    expect(machine.parcels.map(({ result }) => result)).toEqual(parcels)
  })

  test.each(['late', 'lenient', 'off', 'bounce'] as const)(
    '%s: who is thrown out of the message by a filter does not get it, and all hear 250',
    (strategy) => {
      const machine = machineOf({ peer: { strategy } })
      const judgement = judged({}, new Map([[1, { opinion: { verdict: 'discard' } }]]))
      const { text } = machine.message([a, b, c], { judgement })
      expect(text[0]).toMatch(/^250 /)
      expect(machine.parcels.map((parcel) => parcel.recipients.map(({ index }) => index))).toEqual([
        [0, 2],
      ])
    },
  )

  test('late: the retry of the refused one gets the words that were meant for them', () => {
    const machine = machineOf({ peer: { strategy: 'late' } })
    machine.message([a, b], { judgement: ownRefusal })
    const { text } = machine.message([b], {
      judgement: judged({}, new Map([[0, { opinion: { verdict: 'reject' } }]])),
    })
    expect(text[0]).toMatch(/^550 /)
  })
})

describe('several judges', () => {
  test('scores are never added, and thresholds are about one of them', () => {
    const machine = machineOf()
    machine.message([b], { findings: together(judged({ score: 4.5 }), judged({ score: 4.5 })) })
    machine.message([b], { findings: together(judged({ score: 1 }), judged({ score: 99 })) })
    expect(machine.parcels.map(({ result }) => result)).toEqual(['plain', 'plain'])
    expect(machine.transactions.map(({ score }) => score)).toEqual([4.5, 1])
  })

  test.each<[string, Judgement[], string]>([
    ['reject over defer', [forced('defer'), forced('reject', '5.7.9 no')], '550 5.7.9 no'],
    [
      'defer over discard',
      [forced('discard'), forced('defer', '4.7.1 later', 451)],
      '451 4.7.1 later',
    ],
    ['discard over a tag', [judged({ score: 6 }), forced('discard')], '250 2.0.0 OK'],
    ['a threshold over an accept', [judged({ score: 9 }), forced('accept')], '550 5.7.1'],
    [
      'a failure that accepts is mild',
      [{ kind: 'failed', why: 'gone' }, forced('reject', '5.7.9 no')],
      '550 5.7.9 no',
    ],
  ])('the strictest counts: %s', (_name, judgements, reply) => {
    for (const order of [judgements, judgements.toReversed()]) {
      const findings = together(...order)
      // Whoever has a score and no opinion weighs.
      const all = findings.all.map((finding) => ({
        ...finding,
        weighs: finding.judgement.kind === 'judged' && finding.judgement.opinion === undefined,
      }))
      const { text } = machineOf().message([b], { findings: { ...findings, all } })
      expect(text[0]).toContain(reply)
    }
  })

  test('one that has failed defers where it is told to', () => {
    const { text } = machineOf().message([a], {
      findings: found({ kind: 'failed', why: 'gone' }, { onFailure: 'defer' }),
    })
    expect(text).toEqual([expect.stringMatching(/^451 4\.7\.1 |^451 /)])
  })
})

describe('edits reach the parcels', () => {
  const valuesOf = (machine: Machine): unknown[] =>
    machine.parcels.map(({ edits, recipients: members }) => [
      members.map(({ index }) => index),
      edits
        .flat()
        .flatMap(({ list }) => list.flatMap((edit) => ('name' in edit ? [edit.name] : []))),
    ])

  test('below what Rcptwise writes itself', () => {
    const machine = machineOf({ session: { receivedHeader: true } })
    machine.message([a], { judgement: judged({ score: 6, edits: adds('X-Found', '1') }) })
    expect(valuesOf(machine)).toEqual([
      [[0], ['X-Found', 'Received', 'X-Spam-Flag', 'X-Spam-Score', 'X-Rcptwise-Verdict']],
    ])
  })

  test('equal edits are one delivery, others are another one', () => {
    const machine = machineOf({ peer: { strategy: 'late' } })
    const own = new Map<number, Said>([
      [0, { edits: adds('X-Own', '1') }],
      [1, { edits: adds('X-Other', '2') }],
      [2, { edits: adds('X-Own', '1') }],
    ])
    machine.message([a, b, c], { judgement: judged({ score: 0, edits: adds('X-All', '0') }, own) })
    expect(valuesOf(machine)).toEqual([
      [
        [0, 2],
        ['X-All', 'X-Own'],
      ],
      [[1], ['X-All', 'X-Other']],
    ])
  })

  test('a score of their own is compared with their own thresholds, and marks their copy', () => {
    const machine = machineOf()
    const own = new Map<number, Said>([
      [1, { score: 20 }],
      [2, { score: 7 }],
    ])
    const { text } = machine.message([a, b, c], { judgement: judged({ score: 0 }, own) }, prdr)
    expect(text.map((line) => line.slice(0, 3))).toEqual(['353', '250', '550', '250', '250'])
    expect(
      machine.parcels.map(({ result, recipients: members }) => [
        result,
        members.map(({ index }) => index),
      ]),
    ).toEqual([
      ['plain', [0]],
      ['tagged', [2]],
    ])
  })

  test('where the server behind has the last word, too', () => {
    const machine = machineOf({ session: { lastWord: 'backend' } })
    machine.message([a], { judgement: judged({ edits: adds('X-Found', '1') }) })
    expect(valuesOf(machine)).toEqual([[[0], ['X-Found']]])
  })
})
