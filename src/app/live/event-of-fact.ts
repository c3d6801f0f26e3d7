/**
 * Which facts are told to those who read events, and what of them: the same names as in the log,
 * and lists and texts of strangers within bounds.
 */
import type { LiveEvent } from '../../admin/events/frame.ts'
import type { Fact } from '../../facts/fact.ts'
import { isForcedRetry, type RecipientFact, type TransactionFact } from '../../facts/transaction.ts'

/** Entries of a list. */
const mostListed = 50
/** Of a text: more than any address, and the beginning of a long reply. */
const mostCharacters = 500

type Told = object
type TellerOf<Kind extends Fact['kind']> = (fact: Fact & { readonly kind: Kind }) => Told

const whole = (fact: Fact): Told => bounded(fact)

/**
 * By kind; `no` for what happens several times a message and says little to people, or is in the
 * metrics.
 */
const tellers: { readonly [Kind in Fact['kind']]: TellerOf<Kind> | 'no' } = {
  transactionEnded: toldTransaction,
  splitOpened: whole,
  splitClosed: whole,
  splitForgiven: whole,
  recipientsMissing: whole,
  strategyChanged: whole,
  senderLearned: whole,
  senderChanged: whole,
  drainChanged: whole,
  backendEjected: whole,
  backendReturned: whole,
  backendFull: whole,
  judgeServerDown: whole,
  judgeServerBack: whole,
  ledgerTrouble: whole,
  ledgerRecovered: whole,
  historyTrouble: whole,
  historyRecovered: whole,
  workerHung: whole,
  workerLost: whole,
  configLoaded: whole,
  configKept: whole,
  certificateLoaded: whole,
  certificateKept: whole,
  certificateExpires: whole,
  policiesLoaded: whole,
  policiesKept: whole,
  messageIdRead: 'no',
  backendConnected: 'no',
  backendFailed: 'no',
  backendRefusesUs: 'no',
  backendDelivered: 'no',
  bounce: 'no',
  historyWritten: 'no',
  historyLeftOut: 'no',
  judged: 'no',
  judgeLeftOut: 'no',
  foreignFieldsRemoved: 'no',
  messageObserved: 'no',
  messageNotObserved: 'no',
  spoolFailed: 'no',
  policyFailed: 'no',
  policiesAsked: 'no',
  policiesRecalled: 'no',
  policyWrong: 'no',
  aliasesWrong: 'no',
  sessionOpened: 'no',
  sessionSecured: 'no',
  sessionClosed: 'no',
  tlsFailed: 'no',
  connectionRefused: 'no',
  limitReached: 'no',
}

/** Kinds that are told. */
export const toldKinds: readonly Fact['kind'][] = (
  Object.keys(tellers) as (keyof typeof tellers)[]
).filter((kind) => tellers[kind] !== 'no')

/** Of these, those that come with the mail, as often as it does. */
const often: ReadonlySet<string> = new Set<Fact['kind']>([
  'transactionEnded',
  'splitOpened',
  'splitClosed',
  'senderLearned',
])

/** What people want to know of whenever they come to look. */
const seldom: ReadonlySet<string> = new Set(toldKinds.filter((kind) => !often.has(kind)))
export const isSeldom = (name: string): boolean => seldom.has(name)

/** Undefined: it is not told. `worker`: in which process it happened, if there are several. */
export function eventOfFact(fact: Fact, worker?: number): LiveEvent | undefined {
  const teller = tellers[fact.kind] as TellerOf<Fact['kind']> | 'no'
  if (teller === 'no') return undefined
  return { name: fact.kind, data: JSON.stringify({ ...teller(fact), worker }) }
}

function toldTransaction(fact: TransactionFact): Told {
  const { kind, at, transaction, peer, client, reversePath, recipients } = fact
  const { mode, outcome, strategy, unsplit, observed, split, messageId, score, reply } = fact
  return {
    ...{ kind, at, transaction, peer },
    client: { address: client.address, helo: cut(client.helo), rdns: client.rdns, tls: client.tls },
    from: cut(reversePath),
    recipients: recipients.slice(0, mostListed).map(toldRecipient),
    recipientCount: recipients.length,
    forcedRetries: recipients.filter(isForcedRetry).length,
    ...{ mode, outcome, strategy, unsplit, observed, split, score },
    messageId: cut(messageId),
    reply: cut(reply),
    sizeBytes: fact.sizeBytes,
    ms: fact.ms,
  }
}

const toldRecipient = ({
  address,
  policy,
  group,
  fate,
  verdict,
  reason,
  final,
  reply,
  duplicate,
  reported,
  returnedAfterMs,
}: RecipientFact): Told => ({
  address: cut(address),
  ...{ policy, group, fate, verdict, reason, final },
  reply: cut(reply),
  ...{ duplicate, reported, returnedAfterMs },
})

const cut = (text: string | undefined): string | undefined =>
  text === undefined || text.length <= mostCharacters ? text : `${text.slice(0, mostCharacters)}…`

/** Lists and texts, also those in lists and objects. */
function bounded(told: Told): Told {
  return Object.fromEntries(
    Object.entries(told).map(([key, value]: [string, unknown]) => [key, boundedValue(value)]),
  )
}

function boundedValue(value: unknown): unknown {
  if (typeof value === 'string') return cut(value)
  if (Array.isArray(value)) return value.slice(0, mostListed).map(boundedValue)
  return typeof value === 'object' && value !== null ? bounded(value) : value
}
