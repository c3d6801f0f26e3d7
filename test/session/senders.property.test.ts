/**
 * Random senders against the real machine with a ledger in memory: they come again until everyone
 * has an answer, whatever the groups, scores, strategies and mishaps. Who accepts gets the message
 * exactly once, who refuses gets one 5yz (or, only where the message was let through unsplit or
 * leniently, a tagged copy; or, only with `bounce`, a report that names it once), nobody is lost,
 * and it ends. Who puts it off (`defer_at`) may wait for ever, and nobody else because of that.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Judgement } from '../../src/verdict/judgement.ts'
import type { ParcelOrder } from '../../src/session/effects.ts'
import { Journal } from '../../src/session/journal.ts'
import type { Reply } from '../../src/smtp/reply.ts'
import type { StrategyName } from '../../src/strategy/names.ts'
import type { Policy } from '../../src/verdict/policy.ts'
import { decide } from '../../src/verdict/verdict.ts'
import { defaultPeer, Machine, policies, yes } from '../support/machine.ts'
import { MemoryLedger } from '../support/memory-ledger.ts'
import { replayed } from '../support/replayed.ts'
import {
  attempt,
  type Letter,
  openOf,
  type Said,
  type SenderKind,
  senderKinds,
} from '../support/senders.ts'
import { runs } from '../support/properties.ts'

const enough = 40
const policyNames = ['tagOnly', 'careful', 'strict', 'vip', 'boxed', 'patient', 'own'] as const

interface Scenario {
  readonly sender: SenderKind
  readonly recipients: readonly {
    readonly policy: (typeof policyNames)[number]
    readonly unknown: boolean
    readonly greylisted: number
  }[]
  /** One or two messages of one sender to overlapping recipients. */
  readonly letters: readonly { readonly score: number; readonly skips: number }[]
  /** By attempt; the last one stays. */
  readonly strategies: readonly [StrategyName, ...StrategyName[]]
  readonly first: 'largest' | 'offered'
  readonly deferCode: 450 | 451 | 452
  readonly forgiveAs: 'lenient' | 'off'
  readonly forgiveAfter: number
  readonly maxForcedRetries: number
  readonly lenientAs: 'tag' | 'quarantine'
  readonly deliverDeferred: boolean
  readonly quarantine: boolean
  readonly conceal: boolean
  readonly judging: 'score' | 'backend'
  /** Something vouches for the sender, and the backend takes reports for it. */
  readonly reportable: boolean
  readonly recipientLimit: number
  /** What goes wrong, by attempt. */
  readonly mishaps: readonly (
    | 'none'
    | 'mail 4yz'
    | 'text 4yz'
    | 'some text 4yz'
    | 'report 4yz'
    | 'breaks before DATA'
    | 'breaks in the text'
    | 'breaks after the dot'
  )[]
  /** Which letter is tried next, where there are two. */
  readonly turns: readonly boolean[]
  readonly shuffles: readonly number[]
}

const scenario: fc.Arbitrary<Scenario> = fc.record({
  sender: fc.constantFrom(...senderKinds),
  recipients: fc.array(
    fc.record({
      policy: fc.constantFrom(...policyNames),
      unknown: fc.integer({ min: 0, max: 5 }).map((n) => n === 5),
      greylisted: fc.integer({ min: 0, max: 5 }).map((n) => Math.max(0, n - 4)),
    }),
    { minLength: 1, maxLength: 7 },
  ),
  letters: fc.array(
    fc.record({ score: fc.constantFrom(0, 5, 6, 7, 9, 20), skips: fc.integer({ min: 0, max: 2 }) }),
    {
      minLength: 1,
      maxLength: 2,
    },
  ),
  strategies: fc
    .tuple(
      fc.constantFrom<StrategyName>('group', 'single', 'late', 'bounce', 'lenient', 'off'),
      fc.constantFrom<StrategyName>('group', 'single', 'late', 'bounce', 'lenient', 'off'),
      fc.constantFrom<StrategyName>('group', 'single', 'late', 'bounce', 'lenient', 'off'),
    )
    .chain(([a, b, c]) =>
      fc.constantFrom<readonly [StrategyName, ...StrategyName[]]>(
        [a],
        [a],
        [a, b],
        [a, a, b],
        [a, b, c],
      ),
    ),
  first: fc.constantFrom('largest', 'offered'),
  deferCode: fc.constantFrom(451, 450, 452),
  forgiveAs: fc.constantFrom('lenient', 'off'),
  forgiveAfter: fc.constantFrom(1, 2, 3),
  maxForcedRetries: fc.constantFrom(16, 3, 0),
  lenientAs: fc.constantFrom('tag', 'quarantine'),
  deliverDeferred: fc.boolean(),
  quarantine: fc.boolean(),
  conceal: fc.boolean(),
  judging: fc.constantFrom('score', 'score', 'backend'),
  reportable: fc.boolean(),
  recipientLimit: fc.constantFrom(1000, 3),
  mishaps: fc.array(
    fc.constantFrom(
      'none',
      'mail 4yz',
      'text 4yz',
      'some text 4yz',
      'report 4yz',
      'breaks before DATA',
      'breaks in the text',
      'breaks after the dot',
    ),
    { maxLength: 5 },
  ),
  turns: fc.array(fc.boolean(), { maxLength: 8 }),
  shuffles: fc.array(fc.nat(1000), { minLength: 1, maxLength: 6 }),
})

interface Course {
  readonly letters: readonly Letter[]
  readonly ledger: MemoryLedger
  /** Letter and address to what the backend took for them. */
  readonly delivered: Map<string, ParcelOrder['result'][]>
  /** Letter and address to how many reports name them. */
  readonly reported: Map<string, number>
  readonly attempts: number
  /** Somewhere a message was let through unsplit, or its strategy keeps no policies apart. */
  readonly shared: boolean
  readonly lostSaves: number
}

const addressOf = (i: number): string => `r${i}@example.org`

function run(s: Scenario): Course {
  const all = s.recipients.map((_, i) => addressOf(i))
  const known: Record<string, Policy> = {}
  const greylist = new Map<string, number>()
  s.recipients.forEach(({ policy, greylisted }, i) => {
    known[addressOf(i)] = policies[policy]
    greylist.set(addressOf(i), greylisted)
  })
  const letters = s.letters.map(({ skips }, i): Letter => ({
    message: `letter ${i}`,
    from: 'sender@example.net',
    judgement: judgementOf(s, i),
    fates: new Map(all.slice(Math.min(skips, all.length - 1)).map((address) => [address, 'open'])),
  }))
  const ledger = new MemoryLedger()
  const delivered: Course['delivered'] = new Map()
  const reported: Course['reported'] = new Map()
  let attempts = 0
  let shared = s.recipients.some(({ policy }) => policy === 'vip')
  let lostSaves = 0
  for (
    let turn = 0;
    letters.some((letter) => openOf(letter).length > 0) && attempts < enough * letters.length;
    turn++
  ) {
    const letter = letters[(s.turns[turn] ?? turn % 2 === 1) ? 1 : 0] ?? letters[0]
    const pending =
      letter !== undefined && openOf(letter).length > 0
        ? letter
        : letters.find((one) => openOf(one).length > 0)
    if (pending === undefined) break
    const number = attempts++
    const strategy = s.strategies[Math.min(number, s.strategies.length - 1)] ?? 'group'
    const mishap = s.mishaps[number] ?? 'none'
    // A report tells of refusals beside those who take it; where nobody does, `bounce` is lenient.
    const reports = s.reportable && !s.recipients.some(({ policy }) => policy === 'patient')
    if (strategy === 'lenient' || strategy === 'off' || (strategy === 'bounce' && !reports))
      shared = true
    let parcels = 0
    // To play each of them again would take most of the time.
    const journal = number === (s.shuffles[0] ?? 0) % 8 ? new Journal() : undefined
    const machine = Machine.ready({
      ...(journal && { journal }),
      ledger,
      recipients: known,
      peer: { ...defaultPeer, ...peerOf(s), strategy },
      session: {
        unknownRecipients: s.conceal ? 'conceal' : 'refuse',
        lastWord: s.judging === 'backend' ? 'backend' : 'judges',
        limits: {
          recipients: s.recipientLimit,
          transactionsPerSession: 100,
          errorsPerSession: 100,
        },
        ...(s.quarantine ? { quarantine: 'box@example.org' } : {}),
      },
      now: () => 1_000_000 + attempts * 60_000,
      world: {
        bounce: () =>
          s.reportable
            ? { ready: true, by: 'dkim' }
            : { ready: false, why: 'unvouched', words: 'spf none' },
        report: () => {
          if (mishap === 'report 4yz') return { code: 451, lines: ['4.3.0 Not now'] }
          for (const address of machine.reports.at(-1) ?? []) {
            const key = `${pending.message} ${address}`
            reported.set(key, (reported.get(key) ?? 0) + 1)
          }
          return yes
        },
        mail: () =>
          mishap === 'mail 4yz'
            ? { code: 451, lines: ['4.3.0 Later'] }
            : { code: 250, lines: ['2.1.0 Ok'] },
        rcpt: (address) => {
          if (s.recipients[all.indexOf(address)]?.unknown === true)
            return { code: 550, lines: ['5.1.1 Unknown'] }
          const left = greylist.get(address) ?? 0
          if (left === 0) return { code: 250, lines: ['2.1.5 Ok'] }
          greylist.set(address, left - 1)
          return { code: 450, lines: ['4.2.0 Greylisted'] }
        },
        deliver: (parcel) => {
          const reply = backendReply(
            s,
            pending,
            parcel,
            mishap === 'text 4yz' || (mishap === 'some text 4yz' && parcels++ === 0),
          )
          if (reply.code === 250) {
            for (const { index } of parcel.recipients) {
              const address = addressAt(machine, index)
              const key = `${pending.message} ${address}`
              delivered.set(key, [...(delivered.get(key) ?? []), parcel.result])
            }
          }
          return { reply }
        },
      },
    })
    attempt(s.sender, machine, pending, {
      shuffle: (recipients) => shuffled(recipients, s.shuffles, number),
      watch: (said) => checkRules(said, s),
      ...(mishap === 'breaks before DATA' ? { breaks: 'before DATA' } : {}),
      ...(mishap === 'breaks in the text' ? { breaks: 'in the text' } : {}),
      ...(mishap === 'breaks after the dot' ? { breaks: 'after the dot' } : {}),
    })
    if (journal !== undefined) expect(replayed(journal).effects).toEqual(machine.effects)
    lostSaves += machine.lostSaves
    if (machine.transactions.some((fact) => fact.unsplit !== undefined)) shared = true
  }
  return { letters, ledger, delivered, reported, attempts, shared, lostSaves }
}

const judgementOf = (s: Scenario, letter: number): Judgement => ({
  kind: 'judged',
  score: s.letters[letter]?.score ?? 0,
  symbols: [],
})

const peerOf = (s: Scenario) => ({
  first: s.first,
  deferCode: s.deferCode,
  forgiveAs: s.forgiveAs,
  forgiveAfter: s.forgiveAfter,
  maxForcedRetries: s.maxForcedRetries,
  lenientAs: s.lenientAs,
  deliverDeferred: s.deliverDeferred,
})

function addressAt(machine: Machine, index: number): string {
  const { state } = machine.session
  return 'transaction' in state ? (state.transaction.recipients[index]?.address ?? '') : ''
}

function backendReply(s: Scenario, letter: Letter, parcel: ParcelOrder, fails: boolean): Reply {
  if (fails) return { code: 451, lines: ['4.3.0 Not now'] }
  if (s.judging === 'score') return yes
  const refuses = parcel.recipients.every(
    ({ argument }) => wants(s, letter, argument.slice(1, -1)) === 'no',
  )
  return refuses ? { code: 550, lines: ['5.7.1 Spam'] } : yes
}

/** What the recipient wants for this message, taken alone. */
function wants(s: Scenario, letter: Letter, address: string): 'yes' | 'no' | 'later' {
  const recipient = s.recipients[Number(/\d+/.exec(address)?.[0])]
  if (recipient === undefined) return 'yes'
  if (recipient.unknown) return 'no'
  const score = letter.judgement.kind === 'judged' ? (letter.judgement.score ?? 0) : 0
  const { verdict } = decide(score, policies[recipient.policy])
  if (verdict === 'reject') return 'no'
  return verdict === 'defer' ? 'later' : 'yes'
}

function shuffled(
  recipients: readonly string[],
  seeds: readonly number[],
  attempts: number,
): string[] {
  const left = [...recipients]
  const order: string[] = []
  for (let i = 0; left.length > 0; i++) {
    const [taken] = left.splice((seeds[(i + attempts) % seeds.length] ?? 0) % left.length, 1)
    if (taken !== undefined) order.push(taken)
  }
  return order
}

/** What must hold in each single transaction, whatever comes later. */
function checkRules(said: Said, s: Scenario): void {
  const deferred = said.rcpts.some((reply) => reply.startsWith('4'))
  const final = said.text.at(-1) ?? ''
  if (deferred)
    expect(final.startsWith('5'), `rule 2: ${final} although someone was deferred`).toBe(false)
  for (const reply of said.rcpts) {
    if (reply.includes('4.5.3') && !reply.includes('Too many'))
      expect(reply, 'rule 3').toMatch(
        new RegExp(`^${s.deferCode} 4\\.5\\.3 .*again in 60 seconds; retry=00:01:00$`),
      )
  }
  if (said.text.length > 1) {
    expect(said.prdr, 'a block without PRDR').toBe(true)
    expect(final, 'rule 4').toMatch(/^250 /)
    expect(said.text, 'a line per accepted RCPT').toHaveLength(
      said.rcpts.filter((reply) => reply.startsWith('250')).length + 2,
    )
  }
}

function check(s: Scenario): void {
  const { letters, ledger, delivered, reported, attempts, shared, lostSaves } = run(s)
  expect(lostSaves, 'a split was saved over a newer version').toBe(0)
  for (const letter of letters) {
    for (const [address, fate] of letter.fates) {
      const about = `${letter.message} to ${address}`
      const copies = delivered.get(`${letter.message} ${address}`) ?? []
      const wanted = wants(s, letter, address)
      // A backend that judges can't be made to tag: where the answer is shared, all of them hear of
      // its refusal.
      const sharesRefusal =
        shared &&
        s.judging === 'backend' &&
        [...letter.fates.keys()].some((one) => wants(s, letter, one) === 'no')
      if (fate === 'no' && sharesRefusal) continue
      if (wanted === 'later') {
        // Beside others it may get through in the end, marked; it is never refused.
        expect(fate, `${about} was refused`).not.toBe('no')
        expect(copies.length, `copies of ${about}, told ${fate}`).toBe(fate === 'yes' ? 1 : 0)
        continue
      }
      expect(fate, `${about} has no answer after ${attempts} attempts`).not.toBe('open')
      const reports = reported.get(`${letter.message} ${address}`) ?? 0
      if (reports > 0) {
        // Told in the report, and by no reply: as good as an answer.
        expect({ reports, fate, wanted, copies }, about).toEqual({
          reports: 1,
          fate: 'yes',
          wanted: 'no',
          copies: [],
        })
        continue
      }
      expect(copies.length, `copies of ${about}, told ${fate}`).toBe(fate === 'yes' ? 1 : 0)
      if (fate === 'no') expect(wanted, `${about} was refused`).toBe('no')
      if (fate === 'yes' && wanted === 'no') {
        expect(shared, `${about} was accepted although it refuses`).toBe(true)
        if (s.judging === 'score' && s.forgiveAs === 'lenient' && !s.strategies.includes('off')) {
          expect(copies[0], `${about} refuses and has to be marked`).not.toBe('plain')
        }
      }
    }
  }
  // Refused at RCPT in an attempt that broke, of one of several splits: nobody can tell then that
  // it was this message's.
  const broken =
    s.recipients.length > s.recipientLimit &&
    s.mishaps.some((mishap) => mishap.startsWith('breaks'))
  const ended = letters.every((letter) => openOf(letter).length === 0)
  if (letters.length === 1 && !broken && ended) expect(ledger.open, 'splits left open').toEqual([])
}

/**
 * What no front-end can make good: nullmailer fails the whole message for one unknown address, and
 * never gets more recipients through than a transaction may have. And more recipients than that,
 * all of the first ones refused by the backend's own words, keep the others out for ever: nobody
 * else can be asked to take them as tagged. So do first ones whose policy puts the message off:
 * that is what they want, for as long as the sender comes again.
 */
function possible(s: Scenario): boolean {
  const tooMany = s.recipients.length > s.recipientLimit
  if (s.sender === 'nullmailer') return !tooMany && !s.recipients.some(({ unknown }) => unknown)
  const putOff = s.recipients.some(({ policy }) => policy === 'patient')
  return !(tooMany && (s.judging === 'backend' || putOff))
}

describe('every sender gets every recipient answered, once and rightly', () => {
  test.each(senderKinds)('%s', (sender) => {
    fc.assert(
      fc.property(scenario, (drawn) => {
        const s = { ...drawn, sender }
        fc.pre(possible(s))
        check(s)
      }),
      { numRuns: runs(1000) },
    )
  })
})
