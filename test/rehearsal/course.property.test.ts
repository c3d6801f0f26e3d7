/**
 * A rehearsal is no second implementation: what it says a client hears is what the machine says to
 * a sender of the tests' own, attempt by attempt, whatever the policies, the score and the strategy.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { answerOf } from '../../src/rehearsal/attempt.ts'
import { playCourse } from '../../src/rehearsal/course.ts'
import { assumed } from '../../src/rehearsal/rehearsed-session.ts'
import type { Letter, World } from '../../src/rehearsal/world.ts'
import { encodeReply, isPermanent, isPositive, type Reply } from '../../src/smtp/reply.ts'
import { strategyNames } from '../../src/strategy/names.ts'
import type { PeerClass } from '../../src/strategy/peer-class.ts'
import { decide } from '../../src/verdict/verdict.ts'
import { found } from '../support/found.ts'
import { defaultPeer, Machine, policies } from '../support/machine.ts'
import { MemoryLedger } from '../support/memory-ledger.ts'
import { runs } from '../support/properties.ts'
import { attempt, type Fate, type Said } from '../support/senders.ts'

interface Scenario {
  readonly policies: readonly (keyof typeof policies)[]
  readonly score: number
  readonly strategy: PeerClass['strategy']
  readonly first: PeerClass['first']
  readonly deferCode: PeerClass['deferCode']
  readonly lenientAs: PeerClass['lenientAs']
  readonly deliverDeferred: boolean
  readonly maxForcedRetries: number
  readonly trusted: boolean
  readonly lastWord: 'judges' | 'backend'
  readonly recipients: number
}

const scenario: fc.Arbitrary<Scenario> = fc.record({
  policies: fc.array(
    fc.constantFrom('tagOnly', 'careful', 'strict', 'vip', 'boxed', 'patient', 'own'),
    {
      minLength: 1,
      maxLength: 6,
    },
  ),
  score: fc.constantFrom(0, 5, 6, 7, 9, 20),
  strategy: fc.constantFrom(...strategyNames),
  first: fc.constantFrom('largest', 'offered'),
  deferCode: fc.constantFrom(451, 450, 452),
  lenientAs: fc.constantFrom('tag', 'quarantine'),
  deliverDeferred: fc.boolean(),
  maxForcedRetries: fc.constantFrom(16, 2, 0),
  trusted: fc.constantFrom(false, false, true),
  lastWord: fc.constantFrom('judges', 'judges', 'backend'),
  recipients: fc.constantFrom(1000, 3),
})

const startsAt = 1_000_000
const addressOf = (i: number): string => `r${i}@example.org`

function rehearsalOf(given: Scenario): { readonly world: World; readonly letter: Letter } {
  const { strategy, first, deferCode, lenientAs, deliverDeferred, maxForcedRetries } = given
  const peer = { strategy, first, deferCode, lenientAs, deliverDeferred, maxForcedRetries }
  const { options } = new Machine({
    session: {
      lastWord: given.lastWord,
      limits: { recipients: given.recipients, transactionsPerSession: 1000, errorsPerSession: 20 },
    },
  }).session
  const byAddress = new Map(given.policies.map((name, i) => [addressOf(i), policies[name]]))
  return {
    world: {
      session: options,
      client: { address: '192.0.2.1', port: 40_000 },
      extensions: new Map([['SIZE', '0']]),
      startsAt,
      id: 'rehearsal',
      serve: ({ address }) => ({
        peer: { ...defaultPeer, ...peer },
        trusted: given.trusted,
        sender: address,
      }),
      policyOf: (address) => ({
        kind: 'found',
        policy: byAddress.get(address) ?? policies.careful,
      }),
      findingsFor: () => found({ kind: 'judged', score: given.score, symbols: [] }),
      vouch: async () => await Promise.resolve(false),
      prepareBounce: async () => await Promise.resolve({ ready: true, by: 'spf' }),
    },
    letter: {
      helo: 'client.test',
      sender: 'sender@example.net',
      recipients: given.policies.map((_, i) => addressOf(i)),
      international: false,
      sizeBytes: 100,
      identity: { fingerprint: 'one' },
    },
  }
}

const linesOf = (replies: readonly Reply[]): readonly string[] =>
  replies.flatMap((reply) => encodeReply(reply).trimEnd().split('\r\n'))

describe('a client without PRDR', () => {
  test('hears in a rehearsal what Postfix hears of the machine, in each attempt', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async (given) => {
        const { world, letter } = rehearsalOf(given)
        const { attempts, ends } = await playCourse('legacy', world, letter)
        const ledger = new MemoryLedger()
        const fates = new Map<string, Fate>(letter.recipients.map((one) => [one, 'open']))
        for (const played of attempts) {
          const machine = Machine.ready({
            ledger,
            now: () => startsAt + played.afterMs,
            session: world.session,
            peer: world.serve({ address: '', helo: '', senderDomain: '' }).peer,
            trusted: given.trusted,
            recipients: Object.fromEntries(
              given.policies.map((name, i) => [addressOf(i), policies[name]]),
            ),
            world: {
              mail: () => assumed.mail,
              rcpt: () => assumed.rcpt,
              deliver: () => ({ reply: assumed.text }),
              report: () => assumed.text,
            },
          })
          const heard: Said[] = []
          attempt(
            'postfix',
            machine,
            {
              message: 'one',
              from: letter.sender,
              judgement: { kind: 'judged', score: given.score, symbols: [] },
              size: letter.sizeBytes,
              fates,
            },
            { shuffle: (all) => all, watch: (said) => heard.push(said) },
          )
          const [said] = heard
          expect(linesOf(played.told.map(({ rcpt }) => rcpt))).toEqual(said?.rcpts)
          const goes = played.told.some(({ text }) => text !== undefined)
          expect(linesOf(played.last === undefined ? [] : [played.last])).toEqual(
            goes ? said?.text : [said?.data],
          )
        }
        const open = [...fates.values()].filter((fate) => fate === 'open').length
        expect(open > 0).toBe(ends !== 'answered')
        // Who puts it off may wait for ever, and so does a refusal that is kept for the sake of
        // recipients beyond the limit, whom this sender never names first.
        const mayWait =
          given.policies.includes('patient') || given.policies.length > given.recipients
        if (!mayWait) expect(ends).not.toBe('cut')
      }),
      { numRuns: runs(300) },
    )
  })
})

describe('a client with PRDR', () => {
  test('hears of each recipient what the policy alone says, whatever the strategy', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async (given) => {
        fc.pre(given.lastWord === 'judges' && given.recipients > 3)
        const { world, letter } = rehearsalOf(given)
        const { attempts } = await playCourse('prdr', world, letter)
        const [first] = attempts
        for (const [i, name] of given.policies.entries()) {
          const { verdict } = decide(given.score, policies[name])
          const told = first?.told[i]
          if (first === undefined || told === undefined) throw new Error('nobody was told')
          const answer = answerOf(first, told)
          const kind = isPositive(answer) ? 'yes' : isPermanent(answer) ? 'no' : 'later'
          expect(kind).toBe(verdict === 'reject' ? 'no' : verdict === 'defer' ? 'later' : 'yes')
        }
      }),
      { numRuns: runs(300) },
    )
  })
})
