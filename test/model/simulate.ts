/**
 * Messages of one sender, one after the other, against the real session machine with a ledger in
 * memory and a simulated clock. Says what it cost and what became of everyone.
 */
import type { Fact } from '../../src/facts/fact.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { noteMissing } from '../../src/ledger/missing.ts'
import { applyChange, type SenderRecord, type SenderRecords } from '../../src/ledger/senders.ts'
import { learnedOf, learnFromFacts } from '../../src/peers/learning.ts'
import { senderName } from '../../src/peers/sender-name.ts'
import { chooseStrategy, comesBackWithin } from '../../src/strategy/auto.ts'
import type { ConfigurableStrategy } from '../../src/strategy/names.ts'
import { decide } from '../../src/verdict/verdict.ts'
import type { Policy } from '../../src/verdict/policy.ts'
import { defaultPeer, Machine, type MachineOptions, yes } from '../support/machine.ts'
import { MemoryLedger } from '../support/memory-ledger.ts'
import { attempt, type Letter, openOf } from '../support/senders.ts'
import { draw, mix, type Random, randomFrom } from './mix.ts'
import type { ModelSender } from './senders.ts'

export interface Outcome {
  readonly messages: number
  /** Messages whose recipients really get different answers. */
  readonly dividing: number
  /** Recipients told to come again only to split. */
  readonly forcedRetries: number
  /** Attempts beyond the first. */
  readonly retries: number
  /**
   * ms from the first attempt to the backend's 250, for each recipient who takes the message,
   * sorted.
   */
  readonly delays: readonly number[]
  /** Recipients who refuse the message and got it. */
  readonly through: number
  /** Of those who take it: nobody was told that they don't have it. */
  readonly lost: number
  /** Of those who take it: bounced. */
  readonly bounced: number
  readonly doubled: number
  /**
   * Of those who take it and don't have it: the sender's program was told, and makes no second
   * attempt.
   */
  readonly givenUp: number
}

export interface Simulation {
  readonly sender: ModelSender
  readonly strategy: ConfigurableStrategy
  readonly messages: number
  readonly seed: number
}

const mostAttempts = 60
const missingAfterMs = 4 * 3_600_000
const from = 'sender@example.net'

interface Tally {
  dividing: number
  forcedRetries: number
  retries: number
  readonly delays: number[]
  through: number
  lost: number
  bounced: number
  doubled: number
  givenUp: number
}

export async function simulate({ sender, strategy, messages, seed }: Simulation): Promise<Outcome> {
  const random = randomFrom(seed)
  const records = senderRecords()
  const learn = learnFromFacts({ senders: records, onFact: () => undefined })
  const tally: Tally = {
    ...{
      dividing: 0,
      forcedRetries: 0,
      retries: 0,
      through: 0,
      lost: 0,
      bounced: 0,
      doubled: 0,
      givenUp: 0,
    },
    delays: [],
  }
  for (let i = 0; i < messages; i++) {
    const begun = i * 86_400_000
    const serving = (): typeof defaultPeer => ({
      ...defaultPeer,
      strategy:
        strategy === 'auto'
          ? chooseStrategy(learnedOf(records.find(senderName(host)), begun)).strategy
          : strategy,
    })
    const known = (): Pick<MachineOptions, 'farm' | 'comesBack'> => knownOf(records)
    await oneMessage({ sender, random, begun, serving, known, number: i }, tally, learn)
  }
  return { messages, ...tally, delays: tally.delays.toSorted((a, b) => a - b) }
}

export const host = { address: '192.0.2.1', rdns: 'mail.example.net' }

interface OneMessage {
  readonly sender: ModelSender
  readonly random: Random
  /** ms */
  readonly begun: number
  readonly serving: () => typeof defaultPeer
  /** What was learned of its returns. */
  readonly known: () => Pick<MachineOptions, 'farm' | 'comesBack'>
  readonly number: number
}

async function oneMessage(
  { sender, random, begun, serving, known, number }: OneMessage,
  tally: Tally,
  learn: (fact: Fact) => void,
): Promise<void> {
  const count = draw<number>(random, mix.recipients)
  const recipients: Record<string, Policy> = {}
  for (let i = 0; i < count; i++)
    recipients[`r${i}@example.org`] = draw<Policy>(random, mix.policies)
  const score = draw<number>(random, mix.scores)
  const refuses = (address: string): boolean =>
    decide(score, recipients[address] ?? { name: '', neverDefer: false }).verdict === 'reject'
  const judgement = { kind: 'judged', score, symbols: ['R_SPF_ALLOW'] } as const
  const all = Object.keys(recipients)
  const refusing = all.filter(refuses).length
  if (refusing > 0 && refusing < all.length) tally.dividing++

  const letter: Letter = {
    message: `message ${number}`,
    from,
    judgement,
    size: 2000 + (number % 1000),
    fates: new Map(all.map((one) => [one, 'open'])),
  }
  const letters = sender.apart
    ? all.map((one): Letter => ({ ...letter, fates: new Map([[one, 'open']]) }))
    : [letter]
  const ledger = new MemoryLedger()
  const copies = new Map<string, number[]>()
  let at = begun
  let gaveUp = false
  for (let n = 0; letters.some((one) => openOf(one).length > 0) && n < mostAttempts; n++) {
    const wait = n === 0 ? 0 : sender.retryAfter(n)
    gaveUp = wait === undefined
    if (wait === undefined) break
    at = begun + wait * 1000
    if (n > 0) tally.retries++
    for (const one of letters.filter((each) => openOf(each).length > 0)) {
      const machine: Machine = Machine.ready({
        ledger,
        recipients,
        peer: serving(),
        ...known(),
        now: () => at,
        client: {
          address: sender.hops ? `198.51.100.${n + 1}` : host.address,
          port: 40_000,
          rdns: host.rdns,
        },
        world: {
          deliver: (parcel) => {
            for (const { argument } of parcel.recipients) {
              const address = argument.slice(1, -1)
              copies.set(address, [...(copies.get(address) ?? []), at])
            }
            return { reply: yes }
          },
        },
      })
      attempt(sender.acts, machine, one, {
        shuffle: (open) => shuffled(open, random),
        watch: () => undefined,
      })
      machine.tell({ kind: 'clientLost' })
      for (const fact of machine.facts) learn(fact)
      for (const { recipients: facts } of machine.transactions)
        tally.forcedRetries += facts.filter(({ fate }) => fate === 'deferred').length
    }
  }
  if (ledger.open.length > 0) await missing(ledger, at, learn)
  for (const address of all) {
    const fate = letters.flatMap(({ fates }) => fates.get(address) ?? [])[0] ?? 'open'
    const got = copies.get(address) ?? []
    if (got.length > 1) tally.doubled++
    if (refuses(address)) {
      if (got.length > 0) tally.through++
    } else if (got[0] !== undefined) tally.delays.push(got[0] - begun)
    else if (fate === 'no') tally.bounced++
    else if (fate === 'open' && gaveUp) tally.givenUp++
    else tally.lost++
  }
}

/** The safety net, some hours after the last attempt. */
async function missing(
  ledger: MemoryLedger,
  last: number,
  learn: (fact: Fact) => void,
): Promise<void> {
  const store = {
    stale: async (before: number) =>
      await Promise.resolve(ledger.open.filter(({ lastAttemptAt }) => lastAttemptAt < before)),
    save: (split: Parameters<Ledger['save']>[0]) => ({ saved: ledger.save(split) }),
  }
  const now = (): number => last + missingAfterMs + 60_000
  await noteMissing({ ledger: store, missingAfterMs, onFact: learn, now })
}

export function shuffled(recipients: readonly string[], random: Random): string[] {
  const keyed = recipients.map((recipient): [number, string] => [random(), recipient])
  return keyed.sort(([a], [b]) => a - b).map(([, recipient]) => recipient)
}

/** As the directory of peers tells it. */
export function knownOf(records: SenderRecords): Pick<MachineOptions, 'farm' | 'comesBack'> {
  const farm = senderName(host)
  const comesBack = comesBackWithin(records.find(farm)?.counts ?? {})
  return { farm, ...(comesBack === undefined ? {} : { comesBack }) }
}

export function senderRecords(): SenderRecords {
  const known = new Map<string, SenderRecord>()
  return {
    find: (name) => known.get(name),
    each: () => known.values(),
    change: (change) => {
      const record = applyChange(known.get(change.name), change)
      if (record === undefined) known.delete(change.name)
      else known.set(change.name, record)
    },
    flush: async () => {
      await Promise.resolve()
    },
  }
}
