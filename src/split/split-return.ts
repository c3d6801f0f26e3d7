/**
 * Is a transaction the return of an open split? Only its text says so for certain. Before that it
 * is taken for one only when everything that the sender has told speaks for it (rule 10). A guess
 * that is wrong costs the refused message, never another one. Pure; times are ms since the epoch.
 */
import { isOpen } from './split-course.ts'
import type { Returns, Split, SplitRecipient, Declared } from './split.ts'

/** From how long to how long after an attempt its return is to be expected, ms. */
export interface ReturnWindow {
  readonly fromMs: number
  readonly toMs: number
}

/** What is known at MAIL of a transaction that may be a return. */
export interface Arrival {
  readonly declared: Declared
  readonly at: number
  /** When this sender's messages are known to come back, if they were seen to. */
  readonly comesBack?: ReturnWindow
}

/**
 * An open split that a transaction may go on with, followed while the recipients are offered one by
 * one.
 */
export interface Candidate {
  readonly split: Split
  readonly byAddress: ReadonlyMap<string, SplitRecipient>
  /** Who has no answer yet, in the order in which the sender offered them. */
  readonly expected: readonly string[]
  /** How many of the offered are among them; each is counted once. */
  readonly seen: Set<string>
  /** Those offered so far are the first of `expected`, in their order. */
  inOrder: boolean
  /** Somebody was offered who takes no part in this message, or has an answer for it. */
  strangers: boolean
  /** Somebody was offered who takes no part in it: `early`, before all of `expected` were. */
  newcomers: 'none' | 'early' | 'late'
}

/**
 * A transaction that was taken for a return and has not ended after so long has lost its process.
 */
export const takenForMs = 15 * 60_000

/**
 * How many times the longest interval that was seen a next one may be: senders wait longer each
 * time (senders: OpenSMTPD, 4 times).
 */
const longerBy = 5
/** And how much shorter than the shortest one: queue runs do not keep step with the message. */
const shorterBy = 2
/** Who comes back as soon as this may come back at once as well. */
const soonMs = 60_000
/**
 * Up to here an interval says nothing of the next one: the sender came again in the same
 * connection, or at our next address.
 */
const atOnceMs = 15 * 60_000

/**
 * After so many returns that only the text could tell the next one is taken for one by whom it
 * offers and its size alone: no split is guessed wrongly twice, and else rule 5 would end it.
 */
const enoughReturns = 2

export function newCandidate(split: Split): Candidate {
  return {
    split,
    byAddress: new Map(split.recipients.map((recipient) => [recipient.address, recipient])),
    expected: split.recipients.filter(isOpen).map(({ address }) => address),
    seen: new Set(),
    inOrder: true,
    strangers: false,
    newcomers: 'none',
  }
}

/** The sender has offered `address`, and the server behind would take it. */
export function noteOffer(candidate: Candidate, address: string): void {
  const { byAddress, expected, seen, split } = candidate
  if (seen.has(address)) return
  if (!isOpen(byAddress.get(address))) {
    // Whom the server behind told to come back is offered again with the others, though no answer
    // is owed to them here.
    if (split.postponed?.includes(address) === true) return
    candidate.strangers = true
    if (!byAddress.has(address) && candidate.newcomers === 'none')
      candidate.newcomers = seen.size < expected.length ? 'early' : 'late'
    return
  }
  candidate.inOrder &&= expected[seen.size] === address
  seen.add(address)
}

/**
 * Nothing that was told at MAIL says that it is another message. Enough to count an attempt, never
 * to answer one.
 */
export const mayBeReturn = ({ split, seen, newcomers }: Candidate, arrival: Arrival): boolean => {
  // Of a message whose text was seen all people are known, and a return offers nobody new. Of
  // another one more may be to come, behind those whom its sender offered before it left.
  const fits = split.fingerprint === undefined ? newcomers !== 'early' : newcomers === 'none'
  return fits && seen.size > 0 && declaredAlike(split, arrival)
}

/**
 * Whether it may be let through unsplit for this message's sake (rule 5), although its sender may
 * never show the text. Of one whose text was not seen more people may be to come, since its sender
 * left at the first who had to wait; those offered before come first, and in their order.
 * `muchTried`: a sender that offers them in another order each time, or has not read an answer.
 */
export function maySpeakFor(candidate: Candidate, muchTried: boolean): boolean {
  const { split, inOrder, seen, expected, strangers } = candidate
  if (muchTried) return true
  // Who comes again leaves out those whom it has an answer for.
  return split.fingerprint === undefined ? inOrder && seen.size === expected.length : !strangers
}

export const declaredAlike = ({ declared }: Split, arrival: Arrival): boolean =>
  declared === undefined ||
  (declared.size === arrival.declared.size && declared.envid === arrival.declared.envid)

/**
 * Everything that was told speaks for it: the message's size and ENVID, the sender's host or farm,
 * whom it offers and in which order, and when it comes. A sender that was never seen to come back
 * is never taken at its word, and one that tells no size only when this very message has been seen
 * to return like this.
 */
export function seemsReturn(candidate: Candidate, arrival: Arrival): boolean {
  const { split, inOrder, strangers } = candidate
  if (
    !mayBeReturn(candidate, arrival) ||
    strangers ||
    split.fingerprint === undefined ||
    split.declared === undefined
  )
    return false
  if (split.guessedWrongly === true || (split.takenUntil ?? 0) > arrival.at) return false
  // Seen to return so often that nothing else is to be waited for: a sender of many hosts, of any
  // order, at any time.
  if ((split.recognised ?? 0) >= enoughReturns) return true
  if (split.declared.sender !== arrival.declared.sender) return false
  const sized = arrival.declared.size !== undefined
  const window = windowOf(split.returns) ?? (sized ? arrival.comesBack : undefined)
  if (window === undefined) return false
  const passed = arrival.at - split.lastAttemptAt
  if (passed < window.fromMs || passed > window.toMs) return false
  return inOrder || split.returns?.reordered === true
}

/**
 * How little it would help a message to let this recipient go first: 2, since the refusal is kept;
 * 1, since they went last time and got no answer, such as one whose mailbox is full.
 */
export function triedInVain(recipient: SplitRecipient | undefined): 0 | 1 | 2 {
  if (recipient?.state === 'refused') return 2
  return recipient?.state === 'waiting' && recipient.deferredAt === undefined ? 1 : 0
}

/** All who are open in it are offered, nobody else, and the refusal of each is kept. */
export const isRefusedWhole = (candidate: Candidate, arrival: Arrival): boolean =>
  mayBeReturn(candidate, arrival) &&
  !candidate.strangers &&
  candidate.seen.size === candidate.expected.length &&
  candidate.expected.every((address) => candidate.byAddress.get(address)?.state === 'refused')

function windowOf(returns: Returns | undefined): ReturnWindow | undefined {
  if (returns === undefined) return undefined
  const fromMs = returns.shortestMs / shorterBy
  return {
    fromMs: fromMs < soonMs ? 0 : fromMs,
    toMs: Math.max(returns.longestMs * longerBy, atOnceMs),
  }
}

/** The text has shown that `candidate` has returned: what that teaches of the next time. */
export function noteReturn(
  split: Split,
  { inOrder }: Pick<Candidate, 'inOrder'>,
  arrival: Arrival,
): Split {
  const passed = Math.max(0, arrival.at - split.lastAttemptAt)
  const { shortestMs = passed, longestMs = passed, reordered } = split.returns ?? {}
  const returns: Returns = {
    shortestMs: Math.min(shortestMs, passed),
    longestMs: Math.max(longestMs, passed),
    ...(reordered === true || !inOrder ? { reordered: true } : {}),
  }
  return { ...split, returns }
}

/** The recipients in the order in which they were last offered; the others stand behind them. */
export function inOfferedOrder(split: Split, offered: readonly string[]): Split {
  const known = new Map(split.recipients.map((recipient) => [recipient.address, recipient]))
  const first = [...new Set(offered)].flatMap((address) => known.get(address) ?? [])
  const named = new Set(first)
  return {
    ...split,
    recipients: [...first, ...split.recipients.filter((recipient) => !named.has(recipient))],
  }
}

/**
 * Of several that a transaction may go on with: the one that most of the offered recipients wait
 * in; among equals the one with the fewest others, since senders come again with all that are still
 * open (senders: Facts to build on); then the oldest.
 */
export function likeliest(candidates: readonly Candidate[]): Candidate | undefined {
  let best: Candidate | undefined
  for (const candidate of candidates)
    if (best === undefined || isLikelier(candidate, best)) best = candidate
  return best
}

function isLikelier(one: Candidate, other: Candidate): boolean {
  const further = one.seen.size - other.seen.size || other.expected.length - one.expected.length
  return further > 0 || (further === 0 && one.split.startedAt < other.split.startedAt)
}
