/**
 * What is known of senders: lessons go in as things happen, and `auto` asks before each
 * transaction. Kept by the ledger (ledger/senders.ts), read from memory.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FactListener } from '../facts/fact.ts'
import type { SenderRecord, SenderRecords } from '../ledger/senders.ts'
import {
  chooseStrategy,
  type AutoChoice,
  type Learned,
  type Observations,
} from '../strategy/auto.ts'
import { lessonsOf } from './observations.ts'
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
  const learn = (host: SenderHost, at: number, counts: Observations): void => {
    const name = senderName(host)
    const before = chooseStrategy(learnedOf(senders.find(name)))
    senders.change({ name, at, counts })
    const after = chooseStrategy(learnedOf(senders.find(name)))
    if (after.strategy !== before.strategy)
      onFact({ kind: 'senderLearned', at, sender: name, strategy: after.strategy, why: after.why })
  }
  return (fact) => {
    if (fact.kind === 'transactionEnded') {
      const { client } = fact
      const counts = lessonsOf(fact)
      if (counts === undefined) return
      const teaches = Object.keys(counts).some((name) => name !== 'messages')
      if (teaches || ('messages' in counts && senders.find(senderName(client)) !== undefined))
        learn(client, fact.at, counts)
    } else if (fact.kind === 'recipientsMissing') {
      const { client, vouched, othersAnswered, at } = fact
      if (vouched && client !== undefined)
        learn(client, at, othersAnswered ? { missing: 1 } : { failed: 1 })
    }
  }
}

/** Undefined when nothing counts for a choice. */
export function learnedOf(record: SenderRecord | undefined): Learned | undefined {
  if (record === undefined) return undefined
  return {
    lessons: record.counts,
    ...(record.pin === undefined ? {} : { pinned: record.pin.strategy }),
  }
}

const isOld = ({ at, pin }: SenderRecord, now: number): boolean =>
  pin === undefined && at < now - forgottenAfterMs

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
      const learned = record === undefined || isOld(record, now()) ? undefined : learnedOf(record)
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

/** A record with the choice that `auto` makes of it. */
export interface LearnedSender extends SenderRecord {
  readonly choice: AutoChoice
}

/** The last changed first. */
export const listLearned = (senders: SenderRecords): readonly LearnedSender[] =>
  [...senders.each()].toSorted((a, b) => b.at - a.at).map(withChoice)

const withChoice = (record: SenderRecord): LearnedSender => ({
  ...record,
  choice: chooseStrategy(learnedOf(record)),
})

export function findLearned(senders: SenderRecords, name: string): LearnedSender | undefined {
  const record = senders.find(name)
  return record === undefined ? undefined : withChoice(record)
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
 * Forgets what is old, and counts how many senders `auto` serves with each strategy. Mail is not
 * held up by it.
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
    const { strategy } = chooseStrategy(learnedOf(record))
    counts.set(strategy, (counts.get(strategy) ?? 0) + 1)
  }
  return [...counts].map(([strategy, count]) => ({ strategy, senders: count }))
}
