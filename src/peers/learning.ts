/**
 * What is known of senders: lessons go in as things happen, and `auto` asks before each
 * transaction. Kept by the ledger (ledger/senders.ts), read from memory.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FactListener } from '../facts/fact.ts'
import type { SenderChange, SenderPin, SenderRecord, SenderRecords } from '../ledger/senders.ts'
import {
  chooseStrategy,
  type AutoChoice,
  type Learned,
  type Observations,
} from '../strategy/auto.ts'
import type { TransactionFact } from '../facts/transaction.ts'
import { known } from '../known.ts'
import { lessonsOf, type SeenOfSplits, seenOfSplits } from './observations.ts'
import { networkName, senderName, type SenderHost } from './sender-name.ts'

/**
 * What was not added to for so long is forgotten, unless it is pinned; the sender is then new. ms.
 */
export const forgottenAfterMs = 180 * 86_400_000

export interface LearningOptions {
  readonly senders: SenderRecords
  /** Hears when a sender is served in another way because of a lesson. */
  readonly onFact: FactListener
}

/** Learns from every transaction, and from recipients that nobody offers again. */
export function learnFromFacts({ senders, onFact }: LearningOptions): FactListener {
  const learn = (change: SenderChange): void => {
    const { name: sender, at } = change
    const before = chooseStrategy(learnedOf(senders.find(sender), at))
    senders.change(change)
    const { strategy, why } = chooseStrategy(learnedOf(senders.find(sender), at))
    if (strategy !== before.strategy) onFact({ kind: 'senderLearned', at, sender, strategy, why })
  }
  const learnFromTransaction = (fact: TransactionFact): void => {
    const lessons = lessonsOf(fact)
    const seen = seenOfSplits(fact)
    const teaches = Object.keys(lessons ?? {}).some((name) => name !== 'messages')
    const isMessage = lessons !== undefined && 'messages' in lessons
    if (!teaches && !isMessage && seen === undefined) return
    const name = senderName(fact.client)
    if (teaches || senders.find(name) !== undefined) learn(changeOf(name, fact.at, lessons, seen))
  }
  return (fact) => {
    if (fact.kind === 'transactionEnded') learnFromTransaction(fact)
    else if (fact.kind === 'recipientsMissing') {
      const { client, vouched, othersAnswered, at } = fact
      if (vouched && client !== undefined)
        learn({
          name: senderName(client),
          at,
          counts: othersAnswered ? { missing: 1 } : { failed: 1 },
        })
    }
  }
}

/** Beside the lessons, among the sums of a sender: of it `auto` knows nothing. */
const forcedRetriesSum = 'forcedRetries'

const changeOf = (
  name: string,
  at: number,
  lessons: Observations = {},
  { forcedRetries, delay }: SeenOfSplits = { forcedRetries: 0 },
): SenderChange => ({
  name,
  at,
  seen: at,
  counts: { ...lessons, ...(forcedRetries > 0 && { [forcedRetriesSum]: forcedRetries }) },
  ...(delay !== undefined && { delays: [delay] }),
})

/** Undefined when nothing counts for a choice. */
export function learnedOf(record: SenderRecord | undefined, now: number): Learned | undefined {
  if (record === undefined) return undefined
  const pin = pinInForce(record, now)
  return { lessons: record.counts, ...(pin !== undefined && { pinned: pin.strategy }) }
}

const pinInForce = ({ pin }: SenderRecord, now: number): SenderPin | undefined =>
  pin?.until !== undefined && pin.until <= now ? undefined : pin

const isOld = (record: SenderRecord, now: number): boolean =>
  record.at < now - forgottenAfterMs && pinInForce(record, now) === undefined

/**
 * For PeerDirectory: a host whose domain is not known yet may have been learned by its network,
 * when its name could not be looked up.
 */
export function lookUpLearned(senders: Pick<SenderRecords, 'find'>, now: () => number) {
  const namesOf = rememberNames()
  return (host: SenderHost): { readonly sender: string; readonly learned?: Learned } => {
    const names = namesOf(host)
    const [sender] = names
    for (const name of names) {
      const record = senders.find(name)
      const learned =
        record === undefined || isOld(record, now()) ? undefined : learnedOf(record, now())
      if (learned !== undefined) return { sender: name, learned }
    }
    return { sender }
  }
}

/** Addresses whose names are remembered, at most. */
const mostRemembered = 10_000

/**
 * The names that a host may have been learned under, the better one first. It is asked for at each
 * message, and they stay the same.
 */
function rememberNames(): (host: SenderHost) => readonly [string, ...string[]] {
  const known = new Map<string, readonly [string, ...string[]]>()
  return (host) => {
    // A host is asked for without its name first, when it comes, and with it later.
    const key = host.rdns === undefined ? host.address : `${host.address} ${host.rdns}`
    const found = known.get(key)
    if (found !== undefined) return found
    const [sender, network] = [senderName(host), networkName(host.address)]
    const names: readonly [string, ...string[]] = sender === network ? [sender] : [sender, network]
    if (known.size >= mostRemembered) known.clear()
    known.set(key, names)
    return names
  }
}

/** A record with the choice that `auto` makes of it; a pin that is over is not in it. */
export interface LearnedSender extends Omit<SenderRecord, 'counts'> {
  readonly lessons: Observations
  readonly forcedRetries: number
  readonly choice: AutoChoice
}

/** The last changed first. */
export const listLearned = (senders: SenderRecords, now: number): readonly LearnedSender[] =>
  [...senders.each()].toSorted((a, b) => b.at - a.at).map((record) => withChoice(record, now))

function withChoice(record: SenderRecord, now: number): LearnedSender {
  const { name, at, delays, seen } = record
  const { [forcedRetriesSum]: forcedRetries = 0, ...lessons } = record.counts
  const choice = chooseStrategy(learnedOf(record, now))
  const pin = pinInForce(record, now)
  return { name, at, lessons, forcedRetries, choice, ...known({ delays, seen, pin }) }
}

export function findLearned(
  senders: SenderRecords,
  name: string,
  now: number,
): LearnedSender | undefined {
  const record = senders.find(name)
  return record === undefined ? undefined : withChoice(record, now)
}

export interface LearnedCount {
  readonly strategy: string
  readonly senders: number
}

export const nobodyLearned: readonly LearnedCount[] = [
  { strategy: 'late', senders: 0 },
  { strategy: 'lenient', senders: 0 },
]

/** Looked at in one turn of the event loop. */
const recordsPerTurn = 200

/**
 * Forgets what is old, and pins that are over, and counts how many senders `auto` serves with each
 * strategy. Mail is not held up by it.
 */
export async function reviewSenders(
  senders: SenderRecords,
  now: number,
): Promise<readonly LearnedCount[]> {
  const counts = new Map(nobodyLearned.map(({ strategy }) => [strategy, 0]))
  let looked = 0
  for (const record of senders.each()) {
    if (++looked % recordsPerTurn === 0) await nextTurn()
    if (isOld(record, now)) {
      senders.change({ name: record.name, at: now, forget: true })
      continue
    }
    // A later pin, which another front-end may just have set, stays.
    if (record.pin !== pinInForce(record, now)) senders.change({ name: record.name, at: now })
    const { strategy } = chooseStrategy(learnedOf(record, now))
    counts.set(strategy, (counts.get(strategy) ?? 0) + 1)
  }
  return [...counts].map(([strategy, count]) => ({ strategy, senders: count }))
}
