/**
 * The course of a split, as transitions of plain data; nothing here reads a clock or stores
 * anything. Times are ms since the epoch.
 */
import type { Reply } from '../smtp/reply.ts'
import type { StrategyName } from '../strategy/names.ts'
import type {
  Deliverer,
  RecipientOutcome,
  RecipientState,
  Split,
  SplitRecipient,
  Declared,
} from './split.ts'
import { known } from '../known.ts'

export interface SplitStart {
  readonly id: string
  readonly at: number
  /** The one that opens it. */
  readonly transaction: string
  readonly reversePath: string
  readonly peer: string
  readonly strategy: StrategyName
  readonly declared?: Declared
}

export function startSplit(start: SplitStart): Split {
  return {
    id: start.id,
    version: 0,
    openedBy: start.transaction,
    reversePath: start.reversePath,
    peer: start.peer,
    strategy: start.strategy,
    ...known({ declared: start.declared }),
    startedAt: start.at,
    lastAttemptAt: start.at,
    forcedRetries: 0,
    idleAttempts: 0,
    status: 'open',
    forgiven: false,
    refusedOnly: false,
    recipients: [],
  }
}

/** The version to save. */
export const nextVersion = (split: Split): Split => ({ ...split, version: split.version + 1 })

type Change = (recipient: SplitRecipient) => SplitRecipient

/** Changes the named recipients, adding those that are new. */
function change(split: Split, addresses: readonly string[], how: Change): Split {
  const named = new Set(addresses)
  const known = new Set(split.recipients.map((recipient) => recipient.address))
  const added = [...named]
    .filter((address) => !known.has(address))
    .map((address): SplitRecipient => ({ address, state: 'waiting', deferrals: 0 }))
  return {
    ...split,
    recipients: [
      ...split.recipients.map((recipient) =>
        named.has(recipient.address) ? how(recipient) : recipient,
      ),
      ...added.map(how),
    ],
  }
}

/** The same, each by what is said of it: in one pass, however many they are. */
const changeWith = <Said>(
  split: Split,
  said: ReadonlyMap<string, Said>,
  how: (recipient: SplitRecipient, said: Said) => SplitRecipient,
): Split =>
  change(split, [...said.keys()], (recipient) =>
    how(recipient, said.get(recipient.address) as Said),
  )

/** What a transaction has made of those who take part; of others there is nothing to keep. */
export const keepOutcomes = (
  split: Split,
  outcomes: ReadonlyMap<string, RecipientOutcome>,
): Split => ({
  ...split,
  recipients: split.recipients.map((recipient) => {
    const outcome = outcomes.get(recipient.address)
    return outcome === undefined ? recipient : { ...recipient, outcome }
  }),
})

/** They were told to come back only to split. */
export function deferRecipients(split: Split, addresses: readonly string[], at: number): Split {
  const deferred = change(split, addresses, (recipient) => ({
    ...recipient,
    deferredAt: at,
    deferrals: recipient.deferrals + 1,
  }))
  return { ...deferred, lastAttemptAt: at }
}

/**
 * They are waiting since `deferredAt` for a return; told at most once per return, since it is
 * forgotten here.
 */
export function returnRecipients(
  split: Split,
  addresses: readonly string[],
  at: number,
): { readonly split: Split; readonly delays: ReadonlyMap<string, number> } {
  const delays = new Map<string, number>()
  const returned = change(split, addresses, (recipient) => {
    if (recipient.deferredAt === undefined) return recipient
    delays.set(recipient.address, Math.max(0, at - recipient.deferredAt))
    const { address, state, deferrals, reply, by, over, outcome } = recipient
    return {
      address,
      state,
      deferrals,
      ...known({ reply, by, over, outcome }),
    }
  })
  return { split: { ...returned, lastAttemptAt: at }, delays }
}

/** They take part in the message and have no answer yet, though nobody told them to wait. */
export function expectRecipients(split: Split, addresses: readonly string[]): Split {
  return change(split, addresses, (recipient) => recipient)
}

/** `taking`: those of them who were told 250. */
export function answerRecipients(
  split: Split,
  addresses: readonly string[],
  taking?: ReadonlySet<string>,
): Split {
  return change(split, addresses, ({ address, deferrals, outcome }) => ({
    address,
    deferrals,
    state: 'answered',
    ...known({ outcome }),
    ...(taking?.has(address) === true ? { has: true } : {}),
  }))
}

/**
 * Rule 2: the verdicts are known, their telling has to wait. The client was told to come back now,
 * at `at`.
 */
export function keepRefusals(
  split: Split,
  refusals: ReadonlyMap<string, Reply>,
  at: number,
): Split {
  return changeWith(split, refusals, (recipient, reply) => ({
    ...recipient,
    state: 'refused',
    reply,
    deferredAt: at,
    deferrals: recipient.deferrals + 1,
  }))
}

/** Rule 6: they have the message, but were not told so. */
export function keepDeliveries(split: Split, addresses: readonly string[], at: number): Split {
  return change(split, addresses, (recipient) => ({
    ...recipient,
    state: 'delivered',
    deferredAt: at,
  }))
}

/**
 * In another state, without the reply that was kept; when they were told to come back stays as it
 * is.
 */
function inState(
  { address, deferrals, deferredAt, over, outcome }: SplitRecipient,
  state: RecipientState,
): SplitRecipient {
  return {
    address,
    state,
    deferrals,
    ...known({ deferredAt, over, outcome }),
  }
}

/**
 * Ahead of the reply: written before the backend is told to commit, so that a return knows of it.
 */
export function intendDelivery(split: Split, addresses: readonly string[], by: Deliverer): Split {
  return change(split, addresses, (recipient) => ({ ...inState(recipient, 'delivering'), by }))
}

/**
 * They were told that they have it by an attempt that has ended after `at`: who has heard that does
 * not wait for the answer of an earlier one.
 */
export function wasAcknowledgedSince(
  split: Split | undefined,
  address: string,
  at: number,
): boolean {
  const recipient = split === undefined ? undefined : stateOf(split, address)
  const { state, has, outcome } = recipient ?? {}
  return state === 'answered' && has === true && outcome?.at !== undefined && outcome.at > at
}

/** They have the message; whether their 250 is heard is not known. */
export function oweAcknowledgement(split: Split, addresses: readonly string[]): Split {
  return change(split, addresses, (recipient) => inState(recipient, 'delivered'))
}

/**
 * What came of it: `taken` have the message from now on, the others of `intended` are where they
 * were before.
 */
export function settleDelivery(
  split: Split,
  intended: readonly string[],
  taken: ReadonlySet<string>,
): Split {
  return change(split, intended, (recipient) => {
    if (recipient.state !== 'delivering') return recipient
    if (taken.has(recipient.address)) return inState(recipient, 'delivered')
    const { by: over } = recipient
    return { ...inState(recipient, 'waiting'), ...known({ over }) }
  })
}

/**
 * The text was judged for those who were deferred before it: the refusal is kept, or they have it.
 */
export function keepJudged(split: Split, refusals: ReadonlyMap<string, Reply | undefined>): Split {
  return changeWith(split, refusals, (recipient, refusal) =>
    refusal === undefined
      ? inState(recipient, 'delivered')
      : { ...inState(recipient, 'refused'), reply: refusal },
  )
}

/** A split from now on, and no longer only a record of deliveries. */
export function countAsSplit(split: Split): Split {
  const { deliveriesOnly, ...counted } = split
  return deliveriesOnly === true ? counted : split
}

export interface AttemptEnd {
  readonly at: number
  /** Someone was deferred only to split, or a refusal was kept. */
  readonly forcedRetry: boolean
  /** Someone got further: an answer for good, or a verdict that was not known. */
  readonly progress: boolean
  /**
   * What kept them from an answer was no deferral of ours: the backend's own 4yz, a full disk, a
   * time limit.
   */
  readonly trouble: boolean
  /** A filter has told all who went through to come again. */
  readonly byJudge: boolean
  /** Only recipients whose refusal is known were offered, and all of them were deferred. */
  readonly refusedOnly: boolean
  /**
   * Which message this is was known by its text alone, so that those refused could not be made to
   * wait for the others.
   */
  readonly recognised: boolean
}

/**
 * A return that is known by its text alone takes the message no further, and that is not the
 * sender's doing. So many are no sign of one that can't be split; then rule 5 ends it.
 */
const recognisedReturns = 3

export function endAttempt(split: Split, end: AttemptEnd): Split {
  const recognised = (split.recognised ?? 0) + (end.recognised ? 1 : 0)
  const excused =
    end.trouble || end.refusedOnly || (end.recognised && recognised <= recognisedReturns)
  const idle = end.forcedRetry && !end.progress && !excused
  return {
    ...markedByJudge(released(split), end),
    ...(recognised === 0 ? {} : { recognised }),
    lastAttemptAt: end.at,
    forcedRetries: split.forcedRetries + (end.forcedRetry && costsSomebody(split, end) ? 1 : 0),
    idleAttempts: end.progress ? 0 : split.idleAttempts + (idle ? 1 : 0),
    refusedOnly: end.refusedOnly,
  }
}

/**
 * Rule 7 is for what we have caused. Where the sender has to come again for somebody's full mailbox
 * it costs nobody anything that those who refuse wait, too.
 */
const costsSomebody = ({ recipients }: Split, { trouble }: AttemptEnd): boolean =>
  !trouble ||
  recipients.some(({ state, deferredAt }) => state === 'waiting' && deferredAt !== undefined)

function markedByJudge(split: Split, { byJudge }: AttemptEnd): Split {
  if (byJudge) return { ...split, deferredByJudge: true }
  const { deferredByJudge, ...unmarked } = split
  return deferredByJudge === undefined ? split : unmarked
}

/** No transaction is under way any more that was taken for its return. */
export function released<T extends Split>(split: T): Omit<T, 'takenUntil'> {
  const { takenUntil, ...free } = split
  return takenUntil === undefined ? split : free
}

/** Closed once nobody is left without an answer. */
export function closeIfDone(split: Split, at: number): Split {
  if (
    split.status !== 'open' ||
    split.recipients.some((recipient) => recipient.state !== 'answered')
  )
    return split
  return { ...split, status: split.forgiven ? 'forgiven' : 'completed', closedAt: at }
}

/** Nobody came back within the ledger's patience. */
export const abandonSplit = (split: Split, at: number): Split => ({
  ...split,
  status: 'abandoned',
  closedAt: at,
})

export function stateOf({ recipients }: Split, address: string): SplitRecipient | undefined {
  if (recipients.length <= few) return recipients.find((recipient) => recipient.address === address)
  return byAddress(recipients).get(address)
}

/** So many are found sooner one after the other. */
const few = 8

/**
 * Splits are never changed in place, so that what is found once holds for as long as anybody has
 * the list: a transaction asks for each of its recipients.
 */
const indexes = new WeakMap<readonly SplitRecipient[], ReadonlyMap<string, SplitRecipient>>()

function byAddress(recipients: readonly SplitRecipient[]): ReadonlyMap<string, SplitRecipient> {
  const known = indexes.get(recipients)
  if (known !== undefined) return known
  const index = new Map(recipients.map((recipient) => [recipient.address, recipient]))
  indexes.set(recipients, index)
  return index
}

const openStates: ReadonlySet<RecipientState> = new Set([
  'waiting',
  'refused',
  'delivering',
  'delivered',
])

export const isOpen = (recipient: SplitRecipient | undefined): boolean =>
  recipient !== undefined && openStates.has(recipient.state)

/**
 * What a transaction has to know of a recipient: nothing of one who was answered, unless it is
 * offered again although it has the message. Then its sender has not heard the answer, and it is as
 * if it had not been given (RFC 1047).
 */
export function memoryOf(split: Split | undefined, address: string): SplitRecipient | undefined {
  const recipient = split === undefined ? undefined : stateOf(split, address)
  if (isOpen(recipient)) return recipient
  return recipient?.has === true
    ? { address, deferrals: recipient.deferrals, state: 'delivered' }
    : undefined
}

/**
 * Recipients of the split, other than `offered`, who are not known to be refused: they have to be
 * answered first.
 */
export function othersBefore(split: Split, offered: ReadonlySet<string>): boolean {
  return split.recipients.some(
    (recipient) =>
      !offered.has(recipient.address) &&
      recipient.state !== 'refused' &&
      recipient.state !== 'answered',
  )
}

/**
 * Two splits turn out to be of one message, since not all of its recipients came together: what
 * `other` knows, in `split` too.
 */
export function mergeSplits(split: Split, other: Split): Split {
  const known = new Map(split.recipients.map((recipient) => [recipient.address, recipient]))
  for (const theirs of other.recipients) {
    const ours = known.get(theirs.address)
    const tellsMore = theirs.state === 'delivered' || theirs.state === 'refused'
    if (
      ours === undefined ||
      ((ours.state === 'waiting' || ours.state === 'delivering') && tellsMore)
    )
      known.set(theirs.address, theirs)
  }
  return {
    ...split,
    forcedRetries: Math.max(split.forcedRetries, other.forcedRetries),
    idleAttempts: Math.max(split.idleAttempts, other.idleAttempts),
    forgiven: split.forgiven || other.forgiven,
    ...(split.guessedWrongly === true || other.guessedWrongly === true
      ? { guessedWrongly: true }
      : {}),
    recipients: [...known.values()],
  }
}
