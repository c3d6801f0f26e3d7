/** Synthetic senders: what becomes of them while their messages come and do not come. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { Fact } from '../../src/facts/fact.ts'
import {
  forgottenAfterMs,
  learnFromFacts,
  listLearned,
  lookUpLearned,
  reviewSenders,
} from '../../src/peers/learning.ts'
import { SenderMemory } from '../../src/ledger/sender-memory.ts'
import { mostDelays } from '../../src/ledger/senders.ts'
import { chooseStrategy } from '../../src/strategy/auto.ts'
import { recipient, transaction } from '../metrics/sample-facts.ts'

const at = 1_800_000_000_000
const host = { address: '192.0.2.1', rdns: 'mx1.sender.example' }
const client = { ...host, port: 4000, helo: 'mx1', tls: false }
const deferral = transaction({
  at,
  client,
  vouched: true,
  recipients: [
    recipient('a@example.org'),
    recipient('b@example.org', { fate: 'deferred', final: false }),
  ],
})
const missing = {
  kind: 'recipientsMissing',
  at,
  split: 'S',
  peer: 'default',
  strategy: 'late',
  reversePath: 'news@sender.example',
  recipients: [{ address: 'b@example.org', state: 'waiting' }],
  othersAnswered: true,
  lastAttemptAt: at,
  client: host,
  vouched: true,
} as const

let senders: SenderMemory
let facts: Fact[]
let tell: (fact: Fact) => void
const strategyOf = (who: typeof host | { address: string }): string =>
  chooseStrategy(lookUpLearned(senders, () => at)(who).learned).strategy
const known = (now = at) => listLearned(senders, now)

beforeEach(() => {
  senders = new SenderMemory({
    write: async () => await Promise.resolve(undefined),
    since: async () => await Promise.resolve(undefined),
  })
  facts = []
  tell = learnFromFacts({ senders, onFact: (fact) => facts.push(fact) })
})

describe('a sender', () => {
  test('that loses a recipient is served lenient from then on, at all its hosts: strategies.md: “auto, the default, finds out by itself” “A sender that never comes back takes that refusal with it, and is lenient from then on” “It also logs each sender that auto begins to serve in another way (senderLearned).” “Rcptwise tags its next suspicious message for those who would have refused it.” Once', () => {
    tell(deferral)
    expect(strategyOf(host)).toBe('late')
    tell(missing)
    tell(missing)
    expect(strategyOf({ address: '198.51.100.9', rdns: 'mx9.sender.example' })).toBe('lenient')
    expect(strategyOf({ address: '192.0.2.1' }), 'the network is another sender').toBe('late')
    expect(facts).toEqual([
      {
        kind: 'senderLearned',
        at,
        sender: 'sender.example',
        strategy: 'lenient',
        why: expect.stringContaining('1 of 1') as string,
      },
    ])
  })

  test('strategies.md: “messages of which some recipients were never offered again” “messages that failed as a whole.” Both are counted', () => {
    tell(missing)
    tell({ ...missing, othersAnswered: false })
    expect(senders.find('sender.example')?.counts).toEqual({ missing: 1, failed: 1 })
    expect(senders.find('sender.example')?.seen, 'nothing came').toBeUndefined()
  })

  test('that comes back stays late', () => {
    for (let i = 0; i < 20; i += 1) {
      tell(deferral)
      tell(
        transaction({
          at,
          client,
          vouched: true,
          recipients: [recipient('b@example.org', { returnedAfterMs: 400_000 })],
        }),
      )
    }
    expect(strategyOf(host)).toBe('late')
    expect(known()).toMatchObject([
      {
        lessons: { messages: 40, deferred: 20, returned: 20, within15m: 20 },
        forcedRetries: 20,
      },
    ])
  })

  test('strategies.md: “Beside that Rcptwise keeps what splitting has cost each sender: its forced retries, after how long the last 20 came, and when it was last seen.”', () => {
    tell(deferral)
    for (let n = 1; n <= mostDelays + 5; n += 1)
      tell(
        transaction({
          at: at + n,
          client,
          vouched: true,
          recipients: [recipient('b@example.org', { returnedAfterMs: n * 60_000 })],
        }),
      )
    expect(known()).toMatchObject([
      {
        forcedRetries: 1,
        delays: Array.from({ length: mostDelays }, (_, n) => (n + 6) * 60),
        seen: at + mostDelays + 5,
      },
    ])
  })

  test('that is known: its forced retries count also where nobody vouches for the message, and teach nothing: strategies.md: “That decides nothing; you see it in the console and in rcptwise peers learned --json.”', () => {
    tell(deferral)
    const before = senders.find('sender.example')?.counts
    tell({ ...deferral, at: at + 1, vouched: false })
    const { counts, seen } = senders.find('sender.example') ?? {}
    expect(counts).toEqual({ ...before, forcedRetries: 2 })
    expect(seen).toBe(at + 1)
  })

  test('strategies.md: “Messages for which neither SPF nor DKIM vouches teach nothing.” “Rcptwise serves them late, even from a sender that it serves lenient.”', () => {
    for (let i = 0; i < 50; i += 1) {
      tell({ ...deferral, vouched: false })
      tell({ ...missing, vouched: false })
    }
    expect([...senders.each()]).toEqual([])
    expect(strategyOf(host)).toBe('late')
  })

  test("strategies.md: “Rcptwise keeps its observations under what the connection proves (the address, or a name that leads back to it), never under anything in the message.” “So a forged reverse-path, From or HELO teaches something about the forger's own host only.”", () => {
    const forged = {
      ...client,
      address: '203.0.113.5',
      helo: 'mx1.sender.example',
      rdns: 'host.elsewhere.example',
    }
    tell({ ...deferral, client: forged, reversePath: 'ceo@sender.example' })
    tell({
      ...missing,
      client: { address: forged.address, rdns: forged.rdns },
      reversePath: 'ceo@sender.example',
    })
    expect(strategyOf(host)).toBe('late')
    expect([...senders.each()].map(({ name }) => name)).toEqual(['elsewhere.example'])
  })

  test('that was never deferred is not remembered', () => {
    tell(transaction({ client, vouched: true }))
    expect([...senders.each()]).toEqual([])
  })

  test('whose name can’t be looked up this time is known by its network, where it was learned so', () => {
    tell({ ...missing, client: { address: host.address } })
    expect(strategyOf(host)).toBe('lenient')
  })
})

test('strategies.md: “Rcptwise forgets what it learned 180 days after the last change, or by hand:” Unless pinned', async () => {
  tell(missing)
  senders.change({ name: 'pinned.example', at, pin: { strategy: 'off', by: 'admin', at } })
  const later = at + forgottenAfterMs + 1
  expect(
    lookUpLearned(senders, () => later)(host).learned,
    'old, although nobody has looked yet',
  ).toBeUndefined()
  expect(await reviewSenders(senders, at + forgottenAfterMs)).toEqual([
    { strategy: 'late', senders: 0 },
    { strategy: 'lenient', senders: 1 },
    { strategy: 'off', senders: 1 },
  ])
  expect(await reviewSenders(senders, later)).toEqual([
    { strategy: 'late', senders: 0 },
    { strategy: 'lenient', senders: 0 },
    { strategy: 'off', senders: 1 },
  ])
  expect(known(later).map(({ name, choice }) => [name, choice.strategy])).toEqual([
    ['pinned.example', 'off'],
  ])
})

test('a pin with an end counts until then, and not longer; what was learned counts again', async () => {
  const until = at + 3_600_000
  tell(missing)
  senders.change({
    ...{ name: 'sender.example', at },
    pin: { strategy: 'off', by: 'admin', at, until },
  })
  senders.change({ name: 'new.example', at, pin: { strategy: 'off', by: 'admin', at, until } })
  const served = (now: number) =>
    chooseStrategy(lookUpLearned(senders, () => now)(host).learned).strategy
  expect([until - 1, until].map(served)).toEqual(['off', 'lenient'])
  expect(known(until - 1).map(({ pin }) => pin?.until)).toEqual([until, until])
  expect(known(until).map(({ pin }) => pin)).toEqual([undefined, undefined])
  await reviewSenders(senders, until - 1)
  expect(senders.find('sender.example')?.pin).toBeDefined()
  await reviewSenders(senders, until)
  expect(senders.find('sender.example')).toEqual({
    ...{ name: 'sender.example', at: until, counts: { missing: 1 } },
  })
  expect(senders.find('new.example'), 'nothing else was known of it').toBeUndefined()
})

test('a pin that another front-end sets while a former one is being taken away stays', () => {
  const pin = { strategy: 'off', by: 'admin', at, until: at + 1 } as const
  senders.change({ name: 'sender.example', at, pin })
  senders.change({ name: 'sender.example', at: at + 1, pin: { ...pin, until: at + 9 } })
  senders.change({ name: 'sender.example', at: at + 1 })
  expect(senders.find('sender.example')?.pin?.until).toBe(at + 9)
})

test('a host is looked for under the name that it has now, also when it was asked for under another one', () => {
  const look = lookUpLearned(senders, () => at)
  const senderOf = (rdns?: string): string =>
    look({ address: '192.0.2.1', ...(rdns !== undefined && { rdns }) }).sender
  const names = ['mx1.sender.example', 'mx1.other.example', undefined, 'mx1.sender.example']
  expect(names.map((name) => senderOf(name))).toEqual([
    'sender.example',
    'other.example',
    '192.0.2.0/24',
    'sender.example',
  ])
})
