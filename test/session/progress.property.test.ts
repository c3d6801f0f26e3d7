/**
 * A sender that offers all who are open each time it comes back gets on each time: in any order,
 * with any pipelining, from any of its hosts, with a size or without, soon or late. Each recipient
 * has their own answer after a bounded number of attempts, and rule 5 is not needed.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decide } from '../../src/verdict/verdict.ts'
import type { Reply } from '../../src/smtp/reply.ts'
import { Machine, policies, yes } from '../support/machine.ts'
import { MemoryLedger } from '../support/memory-ledger.ts'
import { runs } from '../support/properties.ts'

const names = ['tagOnly', 'careful', 'strict', 'boxed', 'own'] as const

interface Sender {
  readonly strategy: 'group' | 'single' | 'late'
  readonly first: 'largest' | 'offered'
  readonly deferCode: 450 | 451 | 452
  readonly policies: readonly (typeof names)[number][]
  readonly score: number
  readonly pipelines: 'all' | 'recipients' | 'nothing'
  /** By attempt; the last one stays. */
  readonly orders: readonly number[]
  readonly declaresSize: boolean
  readonly hosts: 'one' | 'another each time'
  readonly waits: 'soon' | 'ten minutes' | 'longer each time' | 'now and then'
  readonly lastWord: 'judges' | 'backend'
  /** Clean mail to all of them that looks alike until its text, behind each attempt. */
  readonly clean: number
  /** The first mailbox is full for so many attempts. */
  readonly full?: { readonly at: 'RCPT' | 'the dot'; readonly attempts: number }
}

const mailboxFull: Reply = { code: 452, lines: ['4.2.2 Mailbox full'] }

const sender: fc.Arbitrary<Sender> = fc.record({
  strategy: fc.constantFrom('group', 'single', 'late'),
  first: fc.constantFrom('largest', 'offered'),
  deferCode: fc.constantFrom(451, 450, 452),
  policies: fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 6 }),
  score: fc.constantFrom(0, 7, 9, 20),
  pipelines: fc.constantFrom('all', 'recipients', 'nothing'),
  orders: fc.array(fc.nat(1000), { minLength: 1, maxLength: 6 }),
  declaresSize: fc.boolean(),
  hosts: fc.constantFrom('one', 'another each time'),
  waits: fc.constantFrom('soon', 'ten minutes', 'longer each time', 'now and then'),
  lastWord: fc.constantFrom('judges', 'judges', 'backend'),
  clean: fc.constant(0),
})

const minute = 60_000
const waitMs: Readonly<Record<Sender['waits'], (attempt: number) => number>> = {
  soon: () => 1000,
  'ten minutes': () => 10 * minute,
  'longer each time': (attempt) => minute * 4 ** attempt,
  'now and then': (attempt) => (attempt % 2 === 0 ? minute : 24 * 60 * minute),
}

/** Each number puts the recipients into an order of its own; 0 leaves them as they are. */
function inOrder(recipients: readonly string[], seed: number): string[] {
  const left = [...recipients]
  const order: string[] = []
  for (let rest = seed; left.length > 0; rest = Math.floor(rest / 7))
    order.push(...left.splice(rest % left.length, 1))
  return order
}

interface Heard {
  readonly attempts: number
  readonly fates: ReadonlyMap<string, 'open' | 'yes' | 'no'>
  readonly unsplit: readonly string[]
  readonly said: readonly string[]
  /** The attempt in which each was answered. */
  readonly answered: ReadonlyMap<string, number>
}

const addressOf = (i: number): string => `r${i}@example.org`

function play(s: Sender): Heard {
  const fates = new Map<string, 'open' | 'yes' | 'no'>(
    s.policies.map((_, i) => [addressOf(i), 'open']),
  )
  const ledger = new MemoryLedger()
  const known = Object.fromEntries(s.policies.map((name, i) => [addressOf(i), policies[name]]))
  const accepts = (address: string, score: number): boolean =>
    decide(score, known[address] ?? policies.careful).verdict !== 'reject'
  const unsplit: string[] = []
  const answered = new Map<string, number>()
  const said: string[] = []
  let now = 1_000_000
  let attempts = 0
  const openOnes = (): string[] =>
    [...fates].flatMap(([one, fate]) => (fate === 'open' ? [one] : []))
  const isFull = (at: 'RCPT' | 'the dot', address: string): boolean =>
    s.full?.at === at && attempts < s.full.attempts && address === addressOf(0)
  while (openOnes().length > 0 && attempts < 40) {
    const connect = (score: number): Machine =>
      Machine.ready({
        ledger,
        recipients: known,
        now: () => now,
        peer: { strategy: s.strategy, first: s.first, deferCode: s.deferCode },
        session: { lastWord: s.lastWord },
        client: { address: s.hosts === 'one' ? '192.0.2.1' : `192.0.${attempts}.1`, port: 4000 },
        world: {
          rcpt: (address) =>
            isFull('RCPT', address) ? mailboxFull : { code: 250, lines: ['2.1.5 Ok'] },
          deliver: (parcel) => ({
            reply: parcel.recipients.some(({ argument }) =>
              isFull('the dot', argument.slice(1, -1)),
            )
              ? mailboxFull
              : s.lastWord === 'backend' &&
                  parcel.recipients.some(({ argument }) => !accepts(argument.slice(1, -1), score))
                ? { code: 550, lines: ['5.7.1 Spam'] }
                : yes,
          }),
        },
      })
    const machine = connect(s.score)
    const offered = inOrder(openOnes(), s.orders[Math.min(attempts, s.orders.length - 1)] ?? 0)
    const { rcpts, text } = send(s, machine, offered, 'one')
    said.push(
      offered
        .map((one, i) => `${one.slice(0, 2)} ${(rcpts[i] ?? '').slice(0, 3)}`)
        .concat(text.map((line) => line.slice(0, 3)))
        .join(', '),
    )
    const final = text[0]?.charAt(0) ?? ''
    offered.forEach((address, i) => {
      if (rcpts[i]?.startsWith('250') !== true) return
      if (final === '2' || final === '5') answered.set(address, attempts + 1)
      if (final === '2') fates.set(address, 'yes')
      if (final === '5') fates.set(address, 'no')
    })
    unsplit.push(...machine.transactions.flatMap((fact) => fact.unsplit ?? []))
    for (let n = 0; n < s.clean; n++) {
      now += 1000
      send({ ...s, score: 0 }, connect(0), [...fates.keys()], `clean ${attempts} ${n}`)
    }
    now += waitMs[s.waits](attempts)
    attempts++
  }
  return { attempts, fates, unsplit, said, answered }
}

function send(
  s: Sender,
  machine: Machine,
  offered: readonly string[],
  message: string,
): { readonly rcpts: readonly string[]; readonly text: readonly string[] } {
  const mail = `MAIL FROM:<sender@example.net>${s.declaresSize ? ' SIZE=1000' : ''}`
  const lines = offered.map((one) => `RCPT TO:<${one}>`)
  const rcpts: string[] = []
  let data = ''
  if (s.pipelines === 'all') {
    const replies = machine.send(mail, ...lines, 'DATA')
    rcpts.push(...replies.slice(1, -1))
    data = replies.at(-1) ?? ''
  } else {
    machine.send(mail)
    if (s.pipelines === 'recipients') rcpts.push(...machine.send(...lines))
    else for (const line of lines) rcpts.push(...machine.send(line))
    if (rcpts.some((line) => line.startsWith('250'))) data = machine.send('DATA')[0] ?? ''
  }
  const judgement =
    s.lastWord === 'judges'
      ? ({ kind: 'judged', score: s.score, symbols: [] } as const)
      : ({ kind: 'silent' } as const)
  return { rcpts, text: data.startsWith('354') ? machine.text({ message, judgement }) : [] }
}

/** Of which each attempt can answer one. */
function partsOf({ strategy, policies: all }: Sender): number {
  if (strategy === 'late') return 2
  if (strategy === 'single') return all.length
  return new Set(all.map((name, i) => (name === 'own' ? i : name))).size
}

describe("a sender that offers all who are open, strategies.md: “So a retry answers somebody, in whatever order the sender offers its recipients, if it pipelines them.” “This holds with group and single also while Rcptwise can't know yet whether this is the retry: some group has to go first, so another one does.” “With first: offered the sender's order decides among the rest.”", () => {
  test.each(['group', 'single', 'late'] as const)('%s', (strategy) => {
    fc.assert(
      fc.property(sender, (drawn) => {
        const s = { ...drawn, strategy }
        const { attempts, fates, unsplit, said } = play(s)
        const course = said.join('\n')
        expect(unsplit, course).toEqual([])
        for (const [i, name] of s.policies.entries()) {
          const own = decide(s.score, policies[name]).verdict === 'reject' ? 'no' : 'yes'
          expect(fates.get(addressOf(i)), course).toBe(own)
        }
        // Two returns at most that only the text could tell, and those who refuse, together, last.
        expect(attempts, course).toBeLessThanOrEqual(partsOf(s) + 3)
      }),
      { numRuns: runs(1000) },
    )
  })

  test('with group and recipients that come together each return gets on, also among clean mail that looks alike', () => {
    fc.assert(
      fc.property(sender, fc.constantFrom(1, 2), (drawn, clean) => {
        fc.pre(drawn.pipelines !== 'nothing')
        const { attempts, unsplit, said } = play({ ...drawn, strategy: 'group', clean })
        const course = said.join('\n')
        expect(unsplit, course).toEqual([])
        expect(attempts, course).toBeLessThanOrEqual(partsOf({ ...drawn, strategy: 'group' }) + 3)
      }),
      { numRuns: runs(1000) },
    )
  })

  test('strategies.md: “In the same way a group that went last time and got no answer, such as for a full mailbox, lets the others go first.” While the mailbox of one is full the others who take it have it, and who refuses is not made to take it', () => {
    const full = fc.record({
      at: fc.constantFrom('RCPT' as const, 'the dot' as const),
      attempts: fc.integer({ min: 1, max: 25 }),
    })
    fc.assert(
      fc.property(sender, full, (drawn, mailbox) => {
        const s = { ...drawn, full: mailbox }
        fc.pre(s.pipelines !== 'nothing')
        const { attempts, fates, unsplit, said, answered } = play(s)
        const course = said.join('\n')
        expect(unsplit, course).toEqual([])
        expect(attempts, course).toBeLessThanOrEqual(mailbox.attempts + partsOf(s) + 3)
        const [of] = s.policies
        for (const [i, name] of s.policies.entries()) {
          const own = decide(s.score, policies[name]).verdict === 'reject' ? 'no' : 'yes'
          expect(fates.get(addressOf(i)), course).toBe(own)
          // Who shares the transaction with a full mailbox shares its answer.
          const apart = s.strategy === 'group' && name !== of
          if (own === 'yes' && apart)
            expect(answered.get(addressOf(i)), course).toBeLessThanOrEqual(2 * partsOf(s) + 2)
        }
      }),
      { numRuns: runs(1000) },
    )
  })
})
