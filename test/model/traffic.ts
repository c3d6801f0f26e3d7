/**
 * One refused message after the other, with clean mail of the same sender to the same recipients
 * between its attempts, against the real session machine on a simulated clock: what the guess at
 * RCPT costs the clean mail, and how many attempts the refusal takes (rule 10).
 */
import { learnFromFacts } from '../../src/peers/learning.ts'
import type { StrategyName } from '../../src/strategy/names.ts'
import { defaultPeer, Machine, policies, yes } from '../support/machine.ts'
import { MemoryLedger } from '../support/memory-ledger.ts'
import { attempt, type Letter, openOf } from '../support/senders.ts'
import { randomFrom } from './mix.ts'
import type { ModelSender } from './senders.ts'
import { host, knownOf, senderRecords, shuffled } from './simulate.ts'

export interface Traffic {
  readonly sender: ModelSender
  readonly strategy: StrategyName
  /** ms between two clean messages. */
  readonly everyMs: number
  readonly sizes: 'alike' | 'different'
  /** Refused messages. */
  readonly messages: number
  readonly seed: number
}

export interface TrafficOutcome {
  readonly refused: number
  /** Clean ones. */
  readonly clean: number
  /**
   * Of these: recipients who had it later than their sender's first attempt, or more than once, or
   * not at all.
   */
  readonly delayed: number
  readonly doubled: number
  readonly lost: number
  /** Clean messages whose sender was told to come again for somebody. */
  readonly heldUp: number
  /** Of clean messages that were taken for a return. */
  readonly wrongGuesses: number
  /** Attempts of each refused message, until its sender knows or it was let through. */
  readonly attempts: readonly number[]
  /** Refused messages of which everyone heard the answer that their policy says. */
  readonly told: number
}

const recipients = {
  'ann@example.org': policies.tagOnly,
  'bob@example.org': policies.careful,
  'cho@example.org': policies.strict,
}
const mostAttempts = 30
const mostClean = 400
/** Clean ones that come in any case, also behind a refusal that was told at once. */
const fewestClean = 5

interface Queued {
  readonly letter: Letter
  readonly begun: number
  readonly isClean: boolean
  tries: number
  at: number
}

export function simulateTraffic({
  sender,
  strategy,
  everyMs,
  sizes,
  messages,
  seed,
}: Traffic): TrafficOutcome {
  const random = randomFrom(seed)
  const records = senderRecords()
  const learn = learnFromFacts({ senders: records, onFact: () => undefined })
  const ledger = new MemoryLedger()
  const sum = {
    refused: 0,
    clean: 0,
    delayed: 0,
    doubled: 0,
    lost: 0,
    heldUp: 0,
    wrongGuesses: 0,
    told: 0,
  }
  const attempts: number[] = []
  let now = 0
  let numbers = 0

  const make = (isClean: boolean, at: number): Queued => ({
    isClean,
    begun: at,
    at,
    tries: 0,
    letter: {
      message: `message ${++numbers}`,
      from: 'sender@example.net',
      judgement: { kind: 'judged', score: isClean ? 0 : 9, symbols: ['R_SPF_ALLOW'] },
      size: isClean && sizes === 'different' ? 5000 + numbers : 2000,
      fates: new Map(Object.keys(recipients).map((one) => [one, 'open'])),
    },
  })

  /** One attempt; who has it then. */
  const tryOnce = (queued: Queued): string[] => {
    const taken: string[] = []
    const machine: Machine = Machine.ready({
      ledger,
      recipients,
      peer: { ...defaultPeer, strategy },
      ...knownOf(records),
      now: () => now,
      client: {
        address: sender.hops ? `198.51.100.${(queued.tries % 200) + 1}` : host.address,
        port: 40_000,
        rdns: host.rdns,
      },
      world: {
        deliver: (parcel) => {
          taken.push(...parcel.recipients.map(({ argument }) => argument.slice(1, -1)))
          return { reply: yes }
        },
      },
    })
    attempt(sender.acts, machine, queued.letter, {
      shuffle: (open) => shuffled(open, random),
      watch: () => undefined,
    })
    machine.tell({ kind: 'clientLost' })
    for (const fact of machine.facts) learn(fact)
    sum.wrongGuesses += machine.transactions.filter(({ guess }) => guess === 'wrong').length
    queued.tries++
    return taken
  }

  for (let n = 0; n < messages; n++) {
    const spam = make(false, now)
    const queue: Queued[] = [spam]
    const copies = new Map<Queued, string[]>()
    const done: Queued[] = []
    let nextClean = now + everyMs
    let sent = 0
    while (queue.length > 0 || sent < fewestClean) {
      const more = queue.includes(spam) ? mostClean : fewestClean
      const next = queue.reduce<Queued | undefined>(
        (first, one) => (first === undefined || one.at < first.at ? one : first),
        undefined,
      )
      if (sent < more && (next === undefined || nextClean <= next.at)) {
        queue.push(make(true, nextClean))
        nextClean += everyMs
        sent++
        continue
      }
      if (next === undefined) break
      now = Math.max(now, next.at)
      const first = next.tries === 0
      const taken = tryOnce(next)
      const all = [...(copies.get(next) ?? []), ...taken]
      copies.set(next, all)
      if (next.isClean && first) {
        sum.delayed += Object.keys(recipients).filter((one) => !taken.includes(one)).length
        if (openOf(next.letter).length > 0) sum.heldUp++
      }
      const wait = sender.retryAfter(next.tries)
      if (openOf(next.letter).length > 0 && wait !== undefined && next.tries < mostAttempts) {
        next.at = next.begun + wait * 1000
        continue
      }
      queue.splice(queue.indexOf(next), 1)
      done.push(next)
    }
    for (const queued of done) {
      const got = copies.get(queued) ?? []
      if (queued.isClean) {
        sum.clean++
        for (const one of Object.keys(recipients)) {
          const count = got.filter((address) => address === one).length
          if (count > 1) sum.doubled++
          if (count === 0) sum.lost++
        }
        continue
      }
      sum.refused++
      attempts.push(queued.tries)
      if (queued.letter.fates.get('cho@example.org') === 'no' && !got.includes('cho@example.org'))
        sum.told++
    }
    now += 86_400_000
  }
  return { ...sum, attempts }
}
