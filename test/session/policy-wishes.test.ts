/** What a policy says, end to end in the machine: who gets what, what the client hears, and why. */
import { describe, expect, test } from 'vitest'
import type { Finding, Findings, Judgement, Opinion } from '../../src/verdict/judgement.ts'
import type { Policy } from '../../src/verdict/policy.ts'
import { describeReason } from '../../src/verdict/reason.ts'
import { found } from '../support/found.ts'
import { knownSender, Machine, type MachineOptions, policies } from '../support/machine.ts'

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

describe('senders', () => {
  const from = (machine: Machine, sender: string, ...recipients: string[]) => {
    const { rcpts } = machine.envelope(sender, recipients)
    return { rcpts: codesOf(rcpts), machine }
  }
  const known = new Set(['friend@example.net'])

  test('policies.md: “Rcptwise refuses a reverse-path in refuse_senders with 550 at RCPT.”', () => {
    const machine = ready({ refuseSenders: new Set(['@example.net']) })
    const { rcpts } = machine.envelope('sender@example.net', [a, b])
    expect(rcpts).toEqual([
      '550 5.7.1 <a@example.org> takes no mail from this sender',
      expect.stringMatching(/^250 /),
    ])
    machine.text()
    expect(whyOf(machine)['a']?.[1]).toBe('refuse_senders')
    expect(machine.transactions[0]?.recipients[0]).toMatchObject({ fate: 'refused', final: true })
    expect(machine.parcels.flatMap(({ recipients }) => recipients)).toHaveLength(1)
    expect(machine.ledger.splits.size).toBe(0)
  })

  test('policies.md: “A policy with refuse_senders: ["*"] closes an address, such as one with a detail that has leaked.”', () => {
    const leaked: Policy = {
      name: 'leaked',
      neverDefer: false,
      refuseSenders: new Set(['*']),
      rejectText: 'This address is no longer in use; see https://example.org/contact',
    }
    const shop = 'a+shop@example.org'
    for (const sender of ['sender@example.net', '']) {
      const machine = Machine.ready({ recipients: { [shop]: leaked } })
      const { rcpts } = machine.envelope(sender, [shop, a])
      expect(rcpts).toEqual([
        '550 5.7.1 This address is no longer in use; see https://example.org/contact',
        expect.stringMatching(/^250 /),
      ])
    }
  })

  test('known senders alone: who is in neither list is refused, and who is known gets through whatever the score is', () => {
    const wishes = { refuseSenders: new Set(['*']), acceptSenders: known, rejectAt: 8 }
    expect(from(ready(wishes), 'sender@example.net', a).rcpts).toEqual(['550 5.7.1'])
    const { rcpts, machine } = from(ready(wishes), 'friend@example.net', a)
    expect(rcpts).toEqual(['250 2.1.5'])
    machine.text(scored(100))
    expect(whyOf(machine)['a']).toEqual(['accept', 'accept_senders'])
  })

  test('policies.md: “What a judge forces holds for these senders, too.”', () => {
    const { machine } = from(ready({ acceptSenders: known }), 'friend@example.net', a)
    expect(codesOf(machine.text(forcing({ verdict: 'reject' })))).toEqual(['550 5.7.1'])
  })

  test('who accepts this sender shares an answer, whatever the thresholds are', () => {
    const recipients: Record<string, Policy> = {
      [a]: { name: 'one', neverDefer: false, rejectAt: 8, acceptSenders: known },
      [b]: { name: 'two', neverDefer: false, tagAt: 2, acceptSenders: new Set(['@example.net']) },
    }
    const machine = Machine.ready({ recipients })
    expect(from(machine, 'friend@example.net', a, b).rcpts).toEqual(['250 2.1.5', '250 2.1.5'])
    machine.text(scored(9))
    expect(from(machine, 'other@example.net', a, b).rcpts).toContain('451 4.5.3')
  })

  test('whose policy has changed since the message came is not told that it is refused', () => {
    let refuses = false
    const machine = Machine.ready({
      ...knownSender,
      peer: { strategy: 'late' },
      world: {
        policy: (address) => ({
          kind: 'found',
          policy:
            address === a
              ? {
                  name: 'p',
                  neverDefer: false,
                  ...(refuses ? { refuseSenders: new Set(['*']) } : {}),
                }
              : strict,
        }),
      },
    })
    expect(codesOf(machine.message([a, b], scored(9)).text)).toEqual(['451 4.5.3'])
    refuses = true
    const { rcpts, text } = machine.message([a, b], scored(9))
    expect([...codesOf(rcpts), ...codesOf(text)]).not.toContain('550 5.7.1 <a')
    expect(machine.parcels.flatMap(({ recipients }) => recipients)).toHaveLength(1)
    expect(machine.transactions.at(-1)?.recipients[0]).toMatchObject({ duplicate: true })
  })
})

describe('known_senders_only', () => {
  const rejectText = 'I read mail of people I know; see https://example.org/contact'
  const wishes = {
    knownSendersOnly: true,
    acceptSenders: new Set(['friend@example.net', '@shop.example']),
    acceptSymbols: new Set(['REPLY']),
    rejectAt: 8,
  } as const
  const judged = (symbols: readonly string[], author?: readonly [string, string]): Findings => ({
    ...found({ kind: 'judged', score: 3, symbols }),
    ...(author !== undefined && { author: { local: author[0], domain: author[1] } }),
  })
  const bounce = 'bounce-17@mailer.example.net'
  const news = ['news', 'shop.example'] as const

  test.each<{ of: string; sender?: string; findings: Findings; is: [string, string] }>([
    {
      of: 'a friend',
      sender: 'friend@example.net',
      findings: judged([]),
      is: ['accept', 'accept_senders'],
    },
    { of: 'a stranger', findings: judged([]), is: ['reject', 'known_senders_only'] },
    {
      of: 'an author whom a judge vouches for',
      sender: bounce,
      findings: judged(['DMARC_PASS'], news),
      is: ['accept', 'accept_senders'],
    },
    {
      of: 'a forged author',
      sender: bounce,
      findings: judged([], news),
      is: ['reject', 'known_senders_only'],
    },
    { of: 'an answer to the user', findings: judged(['REPLY']), is: ['accept', 'accept_symbols'] },
    { of: 'a report', sender: '', findings: judged([]), is: ['accept', 'below limits'] },
    {
      of: 'a stranger whom a judge could not look at',
      findings: found({ kind: 'failed', why: 'away' }),
      is: ['accept', 'judge failed'],
    },
  ])(
    'policies.md: “With known_senders_only the recipient gets only what a known sender sends.” $of',
    ({ sender = 'stranger@example.net', findings, is }) => {
      const machine = ready(wishes)
      expect(codesOf(machine.envelope(sender, [a]).rcpts)).toEqual(['250 2.1.5'])
      machine.text({ findings })
      expect(whyOf(machine)['a']).toEqual(is)
    },
  )

  test('policies.md: “Rcptwise refuses all others with 550 when the text is complete, because it sees the author only then.” In the usual words, or in those of the recipient', () => {
    const told = (more: Partial<Policy>): readonly string[] =>
      ready({ ...wishes, ...more }).message([a, b], scored(0), prdr).text
    expect(told({})[1]).toBe('550 5.7.1 <a@example.org> takes no mail from this sender')
    expect(told({ rejectText })[1]).toBe(`550 5.7.1 ${rejectText}`)
    expect(codesOf(told({}))).toEqual(['353 One r', '550 5.7.1', '250 2.0.0', '250 2.0.0'])
  })

  test('two who know different authors: each gets what they want, and nobody has it twice', () => {
    const knowing = (name: string, sender: string): Policy => ({
      ...{ name, neverDefer: false, knownSendersOnly: true },
      acceptSenders: new Set([sender]),
    })
    const machine = Machine.ready({
      recipients: { [a]: knowing('one', '@shop.example'), [b]: knowing('two', '@other.example') },
    })
    const findings = judged(['DMARC_PASS'], news)
    const told: string[] = []
    for (let i = 0; i < 4; i++) {
      const left = [a, b].filter((_, j) => told[j] === undefined)
      const { rcpts } = machine.envelope(bounce, left)
      machine.text({ findings })
      told.push(...codesOf(rcpts).filter((code) => code.startsWith('550')))
    }
    const taken = machine.parcels.flatMap(({ recipients }) =>
      recipients.map(({ argument }) => argument),
    )
    expect(taken).toEqual([`<${a}>`])
  })
})

describe('symbols', () => {
  const wishes = {
    tagAt: 6,
    rejectAt: 15,
    rejectSymbols: new Set(['BAD']),
    acceptSymbols: new Set(['GOOD']),
    tagSymbols: new Set(['ODD']),
  }
  test.each<[string[], number, string, string]>([
    [['BAD'], 0, 'reject', 'reject_symbols'],
    [['BAD', 'GOOD'], 0, 'reject', 'reject_symbols'],
    [['GOOD'], 100, 'accept', 'accept_symbols'],
    [['GOOD', 'ODD'], 100, 'accept', 'accept_symbols'],
    [['ODD'], 0, 'tag', 'tag_symbols'],
    [['ODD'], 16, 'reject', 'reject_at (score 16, threshold 15)'],
    [['bad', 'OTHER'], 0, 'accept', 'below limits'],
  ])(
    'policies.md: “reject_symbols stands over accept_symbols, and that over tag_symbols and the score.” %j, %d: %s',
    (symbols, score, verdict, why) => {
      const machine = ready(wishes)
      machine.message([a], { judgement: { kind: 'judged', score, symbols } })
      expect(whyOf(machine)['a']).toEqual([verdict, why])
    },
  )
})

describe('max_size', () => {
  test('policies.md: “Where the client declares a larger SIZE, Rcptwise refuses the recipient at RCPT with 552 5.3.4.”', () => {
    const machine = ready({ maxSizeBytes: 1000 })
    const { rcpts } = machine.message([a, b], {}, ' SIZE=1001')
    expect(rcpts).toEqual([
      '552 5.3.4 <a@example.org> takes no message that is larger than 1000 octets',
      expect.stringMatching(/^250 /),
    ])
    expect(codesOf(machine.message([a], {}, ' SIZE=1000').text)).toEqual(['250 2.0.0'])
  })

  test('policies.md: “Else it does so after the text.”', () => {
    const machine = ready({ maxSizeBytes: 99 })
    const { text } = machine.message([a, b], {}, prdr)
    expect(codesOf(text)).toEqual(['353 One r', '552 5.3.4', '250 2.0.0', '250 2.0.0'])
    expect(whyOf(machine)['a']).toEqual(['reject', 'max_size'])
  })

  test('a text is not given away before its size is known', () => {
    const machine = ready({ maxSizeBytes: 99 })
    machine.envelope('sender@example.net', [a])
    expect(machine.effects.find((effect) => effect.do === 'receiveText')).toMatchObject({
      streamable: false,
    })
    machine.tell({ kind: 'judgedEarly', findings: found({ kind: 'silent' }) })
    expect(machine.parcels).toEqual([])
    expect(codesOf(machine.text())).toEqual(['552 5.3.4'])
  })

  test('what is too large says nothing of another message that this recipient waits for', () => {
    const machine = ready({ maxSizeBytes: 2000, tagAt: 5 })
    machine.message([b, a], { message: 'small', ...scored(0) }, ' SIZE=1000')
    const waiting = () =>
      machine.ledger.open.flatMap(({ recipients }) =>
        recipients.filter(({ state }) => state === 'waiting').map(({ address }) => address),
      )
    const before = waiting()
    expect(before).toHaveLength(1)
    machine.message([before[0] ?? ''], { message: 'large' }, ' SIZE=5000')
    expect(waiting()).toEqual(before)
  })
})

describe('reject_text', () => {
  const words = 'Büro geschlossen, bitte rufen Sie an: +49 30 123456 – 日本'
  const bytes = (text: string): string => Buffer.from(text).toString('latin1')

  test('policies.md: “Characters beyond ASCII stand in the reply only where the client has said SMTPUTF8.”', () => {
    const machine = ready({ rejectAt: 8, rejectText: words })
    expect(machine.message([a], scored(9), ' SMTPUTF8').text).toEqual([`550 5.7.1 ${bytes(words)}`])
    expect(machine.message([a], scored(9)).text).toEqual([
      '550 5.7.1 Buro geschlossen, bitte rufen Sie an: +49 30 123456 ? ??',
    ])
  })

  test('nothing in it can end the reply', () => {
    const machine = ready({ rejectAt: 8, rejectText: 'one\r\n250 OK' })
    expect(machine.message([a], scored(9)).text).toHaveLength(1)
    expect(machine.message([a], scored(9), ' SMTPUTF8').text).toHaveLength(1)
  })

  test('one reply for several has the words of each; policies.md: “Rcptwise puts the words of several recipients into one reply, where there is only one.”', () => {
    const recipients: Record<string, Policy> = {
      [a]: { name: 'one', neverDefer: false, rejectAt: 8, rejectText: 'Call us' },
      [b]: { name: 'two', neverDefer: false, rejectAt: 8, rejectText: 'Write to us' },
    }
    expect(Machine.ready({ recipients }).message([a, b], scored(9)).text).toEqual([
      '550-5.7.1 The recipients refuse this message, each for a reason of their own',
      '550-5.7.1 Call us',
      '550 5.7.1 Write to us',
    ])
    expect(Machine.ready({ recipients }).message([a, b], scored(9), prdr).text.slice(1, 3)).toEqual(
      ['550 5.7.1 Call us', '550 5.7.1 Write to us'],
    )
  })

  test("what a judge forces is in the judge's words", () => {
    const machine = ready({ rejectText: 'Call us' })
    const reply = { code: 554, lines: ['5.7.9 a virus'] } as const
    expect(machine.message([a], forcing({ verdict: 'reject', reply })).text).toEqual([
      '554 5.7.9 a virus',
    ])
  })
})

describe('group: own', () => {
  const own: Policy = { name: 'own', neverDefer: false, group: 'own', tagAt: 6 }
  const c = 'c@example.org'
  const recipients = { [a]: own, [b]: own, [c]: tagOnly }
  const together = (machine: Machine): number[] =>
    machine.parcels.map((parcel) => parcel.recipients.length)

  test('with `group`, each is offered alone', () => {
    const machine = Machine.ready({ recipients })
    const codes = codesOf(machine.message([a, b, c], scored(0)).rcpts)
    expect(codes.toSorted()).toEqual(['250 2.1.5', '451 4.5.3', '451 4.5.3'])
  })

  test.each(['', prdr])(
    'policies.md: “group: own gives each recipient a transaction of its own with your server.” (%j)',
    (parameters) => {
      const machine = Machine.ready({ recipients, peer: { strategy: 'late' } })
      expect(codesOf(machine.message([a, b, c], scored(0), parameters).text)).toEqual(['250 2.0.0'])
      expect(together(machine)).toEqual([1, 1, 1])
    },
  )
})
