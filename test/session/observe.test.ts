/**
 * `mode: observe`, the machine alone: nothing is decided, the answers are those of the server
 * behind, open splits go on; and what would have been is worked out from what judges find.
 */
import { describe, expect, test } from 'vitest'
import type { Effect } from '../../src/session/effects.ts'
import type { ObservedMessage } from '../../src/session/observed-message.ts'
import { wouldBe } from '../../src/session/would-be.ts'
import type { Reply } from '../../src/smtp/reply.ts'
import { strategyNames } from '../../src/strategy/names.ts'
import type { Policy } from '../../src/verdict/policy.ts'
import { found } from '../support/found.ts'
import { knownSender, Machine, type MachineOptions, policies, yes } from '../support/machine.ts'
import { MemoryLedger } from '../support/memory-ledger.ts'

const wishes = {
  'tag@example.org': policies.tagOnly,
  'careful@example.org': policies.careful,
  'strict@example.org': policies.strict,
}
const [tag = '', careful = '', strict = ''] = Object.keys(wishes)
const everyone = [tag, careful, strict]
const spam = { message: 'spam', judgement: { kind: 'judged', score: 9, symbols: ['BAD'] } } as const
const codes = (...lines: readonly string[]): string => lines.map((it) => it.slice(0, 3)).join(' ')
const no: Reply = { code: 550, lines: ['5.7.1 not here'] }
const later: Reply = { code: 451, lines: ['4.7.1 greylisted'] }

function observing(options: MachineOptions = {}): Machine {
  return Machine.ready({
    ...knownSender,
    recipients: wishes,
    ...options,
    session: { mode: 'observe', ...options.session },
  })
}

const isObserve = (effect: Effect): effect is Extract<Effect, { do: 'observe' }> =>
  effect.do === 'observe'
const observed = (it: Machine): readonly ObservedMessage[] =>
  it.effects.filter(isObserve).map(({ message }) => message)

describe.each(strategyNames)('a class served by %s', (strategy) => {
  test('one transaction for all, and nobody is told to come again', () => {
    const it = observing({ peer: { strategy, deliverDeferred: true } })
    const { rcpts, text } = it.message(everyone, spam)
    expect(codes(...rcpts, ...text)).toBe('250 250 250 250')
    expect(it.parcels.map(({ recipients, edits }) => [recipients.length, edits])).toEqual([[3, []]])
    expect(it.ledger.open).toEqual([])
    expect(it.transactions).toMatchObject([{ observed: true, outcome: 'accepted' }])
  })

  test.each([
    ['a refusal of the text', { deliver: () => ({ reply: no }) }, '250 250 250 550'],
    ['a deferral of the text', { deliver: () => ({ reply: later }) }, '250 250 250 451'],
    [
      'a refusal of the text behind a deferral at RCPT',
      { deliver: () => ({ reply: no }), rcpt: (to: string) => (to === tag ? later : yes) },
      '451 250 250 550',
    ],
    ['a refusal at RCPT', { rcpt: (to: string) => (to === tag ? no : yes) }, '550 250 250 250'],
  ] as const)('%s is passed on as it is', (_, world, expected) => {
    const it = observing({ peer: { strategy }, world, session: { unknownRecipients: 'conceal' } })
    const { rcpts, text } = it.message(everyone, spam)
    expect(codes(...rcpts, ...text)).toBe(expected)
    expect(it.ledger.open).toEqual([])
  })

  test('a split that is open is answered to its end, and nobody gets the message twice', () => {
    const ledger = new MemoryLedger()
    const before = Machine.ready({ ...knownSender, recipients: wishes, ledger, peer: { strategy } })
    const first = before.message(everyone, spam)
    const has = new Set(
      before.parcels.flatMap(({ recipients }) => recipients.map(({ index }) => everyone[index])),
    )
    const left = everyone.filter(
      (_, i) => codes(...first.text) !== '250' || first.rcpts[i]?.startsWith('250') !== true,
    )
    if (left.length === 0) return
    const it = observing({ ledger, peer: { strategy } })
    const { rcpts, text } = it.message(left, spam)
    expect(new Set([...rcpts, ...text].map((line) => line.slice(0, 3)))).toEqual(new Set(['250']))
    const now = it.parcels.flatMap(({ recipients }) => recipients.map(({ index }) => left[index]))
    expect(now).toEqual(left.filter((one) => !has.has(one)))
    expect(ledger.open).toEqual([])
  })
})

test('PRDR is offered where the server behind has it, and its answers are passed on', () => {
  const own = {
    messageSizeBytes: 1000,
    chunking: false,
    greylist: false,
    prdr: 'of backend',
  } as const
  const ehlo = (backend: readonly string[]): string => {
    const it = new Machine({
      session: { mode: 'observe', own },
      oracle: { backendExtensions: () => new Map(backend.map((name) => [name, ''])) },
    })
    it.connect()
    return it.send('EHLO client.test').join(' ')
  }
  expect(ehlo([])).not.toContain('PRDR')
  expect(ehlo(['PRDR'])).toContain('PRDR')
  const answers = new Map([[1, no]])
  const it = observing({
    session: { own: { ...own, messageSizeBytes: 50_000_000 } },
    oracle: { backendExtensions: () => new Map([['PRDR', '']]) },
    world: { deliver: () => ({ reply: yes, own: answers }) },
    parameters: ' PRDR',
  })
  const { text } = it.message(everyone, spam)
  expect(codes(...text)).toBe('353 250 550 250 250')
  expect(it.parcels).toHaveLength(1)
  expect(observed(it)).toMatchObject([{ splittable: false, recipients: [{}, { told: no }, {}] }])
})

test('in-and-out.md: “Behind LMTP a client without PRDR still has one reply for all” It names whom the server refuses', () => {
  const answers = new Map([[1, no]])
  const it = observing({ world: { deliver: () => ({ reply: yes, own: answers }) } })
  const { text } = it.message(everyone, spam)
  expect(text.join()).toMatch(new RegExp(`^550.*${careful}`))
  expect(it.ledger.open).toEqual([])
  expect(observed(it)).toMatchObject([{ recipients: [{ told: yes }, { told: no }, { told: yes }] }])
})

describe('what is observed', () => {
  test('whom the server behind has answered for good, once', () => {
    const it = observing({ world: { rcpt: (to) => (to === tag ? no : yes) } })
    it.message(everyone, spam)
    const [message] = observed(it)
    expect(message).toMatchObject({ sizeBytes: 100, declaredBytes: 1000, splittable: true })
    expect(message?.recipients.map(({ address }) => address)).toEqual([careful, strict])
  })

  test('nobody who has to come again, nobody who has it already, nothing of a text that is none', () => {
    const deferring = observing({ world: { deliver: () => ({ reply: later }) } })
    deferring.message(everyone, spam)
    const broken = observing()
    broken.message(everyone, { ...spam, fault: 'bareNewline' })
    const ledger = new MemoryLedger()
    Machine.ready({
      ...knownSender,
      recipients: wishes,
      ledger,
      peer: { strategy: 'late' },
    }).message(everyone, spam)
    const back = observing({ ledger, peer: { strategy: 'late' } })
    back.message(everyone, spam)
    expect([deferring, broken].map(observed)).toEqual([[], []])
    // The split's return: who had it is left out, and no strategy would have begun it anew.
    expect(observed(back)).toMatchObject([{ splittable: false, recipients: [{ address: strict }] }])
  })

  test('also where the client has gone before the answer', () => {
    const it = observing()
    it.leavesAfterDot = true
    it.message(everyone, spam)
    expect(observed(it)).toHaveLength(1)
  })
})

describe('what would have been', () => {
  const message = (more: Partial<ObservedMessage> = {}): ObservedMessage => {
    const it = observing()
    it.message(everyone, spam)
    const [first] = observed(it)
    if (first === undefined) throw new Error('nothing was observed')
    return { ...first, ...more }
  }
  const answers = (all: readonly Policy[] = Object.values(wishes)) =>
    all.map((policy) => ({ kind: 'found', policy }) as const)
  const findings = found({ kind: 'judged', score: 9, symbols: ['BAD'] })

  test('each verdict with its reason, and the cost of each strategy', () => {
    const told = wouldBe(message(), { findings, policies: answers() })
    expect(told.recipients.map(({ verdict, reason }) => `${verdict}: ${reason.because}`)).toEqual([
      'tag: tag_at',
      'tag: tag_at',
      'reject: reject_at',
    ])
    expect(told).toMatchObject({ divided: true, score: 9, symbols: ['BAD'] })
    const costs = Object.fromEntries(
      (told.costs ?? []).map(({ strategy, forcedRetries }) => [strategy, forcedRetries]),
    )
    expect(costs).toEqual({ single: 3, group: 3, late: 2, bounce: 0, lenient: 0, off: 0 })
  })

  test('no cost where no strategy would have counted', () =>
    expect(wouldBe(message({ splittable: false }), { findings, policies: answers() }).costs).toBe(
      undefined,
    ))

  test('who would have been given the text hears what the server behind says to it', () => {
    const whole = message()
    const refused = whole.recipients.map((one) => ({ ...one, told: no }))
    const told = wouldBe({ ...whole, recipients: refused }, { findings, policies: answers() })
    expect(told.recipients.map(({ reason }) => reason.because)).toEqual([
      'backend at text',
      'backend at text',
      'reject_at',
    ])
    expect(told.divided).toBe(false)
  })

  test('what would have been refused at RCPT is in no group that waits', () => {
    const small: Policy = { ...policies.careful, name: 'small', maxSizeBytes: 500 }
    const given = wouldBe(message(), {
      findings,
      policies: answers([policies.tagOnly, policies.careful, small]),
    })
    expect(given.recipients[2]).toMatchObject({ verdict: 'reject', at: 'RCPT' })
    expect(given.divided).toBe(false)
  })

  test('a policy that can not be looked up would have put the recipient off', () => {
    const failed = { kind: 'failed', source: 'sql', why: 'away' } as const
    const [first] = wouldBe(message(), {
      findings,
      policies: [failed, ...answers().slice(1)],
    }).recipients
    expect(first).toMatchObject({
      verdict: 'defer',
      reason: { because: 'policy failed' },
      at: 'RCPT',
    })
  })
})
