/**
 * Two transactions of one message at the same time, on one node or on two: both go on from the same
 * version of its split, and only one can write the next. What the other one has to say is put on
 * top of that here, instead of being lost: a recipient who has the message would get it again, and
 * one who was answered would be told as abandoned days later.
 */
import type { FactListener } from '../facts/fact.ts'
import { ledgerOver } from './delegating-ledger.ts'
import type { Ledger } from './ledger.ts'
import { splitClosed } from '../split/split-closed.ts'
import { closeIfDone, nextVersion, released } from '../split/split-course.ts'
import type { RecipientState, Split, SplitRecipient } from '../split/split.ts'
import { known } from '../known.ts'

/** Each is another transaction that was faster; there are never so many. */
const mostAttempts = 10

/**
 * A state is never taken back: a recipient whom the backend may have taken is not refused any more.
 */
const progress = {
  waiting: 0,
  refused: 1,
  delivering: 2,
  delivered: 3,
  answered: 4,
} satisfies Record<RecipientState, number>

/**
 * Until the text of its message has come whole once a split has no name, and two messages to the
 * same people can both be taken for its return. The text that comes first gives it the name; the
 * other message has a split of its own, or its recipients would be told that they have what they
 * never got. An attempt that has left without its text, and has offered more people, is no part of
 * the message that has the name: they would wait in its split for ever.
 */
const areTwoMessages = (ours: Split, stored: Split): boolean =>
  stored.fingerprint !== undefined &&
  (ours.fingerprint === undefined
    ? ours.status === 'open' && hasOthers(ours, stored)
    : ours.fingerprint !== stored.fingerprint)

/**
 * Taken for a part of another message, and closed as such, while it had no name, and the attempt
 * that gives it one was under way. What the other one has answered was for its own sake: who has
 * this message would get it again.
 */
const wasTakenFor = (ours: Split, stored: Split): boolean =>
  stored.status !== 'open' && stored.fingerprint === undefined && ours.fingerprint !== undefined

function hasOthers(ours: Split, stored: Split): boolean {
  const known = new Set(stored.recipients.map(({ address }) => address))
  return ours.recipients.some(({ address, state }) => state === 'waiting' && !known.has(address))
}

/** The same for each save of this message. */
const ownId = ({ id, fingerprint = 'unnamed' }: Split): string => `${id}-${fingerprint.slice(0, 8)}`

/** What both know, as a version after the stored one. Pure. */
export function reconcile(ours: Split, stored: Split): Split {
  const together = new Map(stored.recipients.map((recipient) => [recipient.address, recipient]))
  for (const recipient of ours.recipients) {
    const theirs = together.get(recipient.address)
    together.set(recipient.address, theirs === undefined ? recipient : further(recipient, theirs))
  }
  const { closedAt, deliveriesOnly, ...open } = released(stored)
  const { fingerprint = stored.fingerprint, messageId = stored.messageId } = ours
  const lastAttemptAt = Math.max(ours.lastAttemptAt, stored.lastAttemptAt)
  const declared = ours.declared ?? stored.declared
  const firstRecipients = stored.firstRecipients ?? ours.firstRecipients
  const returns = ours.returns ?? stored.returns
  const merged: Split = {
    ...open,
    // Somebody was deferred in one of the two: it is a split.
    ...(ours.deliveriesOnly === true && deliveriesOnly === true ? { deliveriesOnly } : {}),
    ...known({ declared, returns, firstRecipients, deferredByJudge: ours.deferredByJudge }),
    ...(ours.guessedWrongly === true ? { guessedWrongly: true } : {}),
    ...known({ takenUntil: ours.takenUntil, postponed: ours.postponed }),
    ...(ours.recognised === undefined
      ? {}
      : { recognised: Math.max(ours.recognised, stored.recognised ?? 0) }),
    ...known({ fingerprint, messageId }),
    lastAttemptAt,
    forcedRetries: Math.max(ours.forcedRetries, stored.forcedRetries),
    idleAttempts: Math.min(ours.idleAttempts, stored.idleAttempts),
    forgiven: ours.forgiven || stored.forgiven,
    refusedOnly: ours.refusedOnly && stored.refusedOnly,
    status: 'open',
    recipients: [...together.values()],
  }
  return nextVersion(closeIfDone(merged, closedAt ?? ours.closedAt ?? lastAttemptAt))
}

/** A delivery that the other one knows to have come to nothing. */
const isBehind = ({ state, by }: SplitRecipient, { over }: SplitRecipient): boolean =>
  state === 'delivering' &&
  by !== undefined &&
  over !== undefined &&
  by.process === over.process &&
  by.until === over.until

function further(one: SplitRecipient, other: SplitRecipient): SplitRecipient {
  const { deferrals } = one
  if (isBehind(one, other)) return { ...other, deferrals: Math.max(deferrals, other.deferrals) }
  if (isBehind(other, one)) return { ...one, deferrals: Math.max(deferrals, other.deferrals) }
  const ahead = progress[one.state] - progress[other.state]
  const later = (one.deferredAt ?? 0) >= (other.deferredAt ?? 0) ? one : other
  const chosen = ahead === 0 ? later : ahead > 0 ? one : other
  return { ...chosen, deferrals: Math.max(one.deferrals, other.deferrals) }
}

/**
 * The ledger for those who only add what they know: a save that comes too late is made on top of
 * the newer version. A split that is done because of that is told as closed here, because neither
 * side has seen it done.
 */
export function reconcilingLedger(ledger: Ledger, onFact: FactListener): Ledger {
  const saveApart = async (ours: Split, stored: Split): Promise<{ readonly saved: boolean }> => {
    // Whoever saves ours goes on to count from its version: the stored one stays ahead of it, so
    // that it is never written over.
    await ledger.save(nextVersion(stored))
    const own = { ...ours, id: ownId(ours) }
    if ((await ledger.find(own.id)) !== undefined) return await saveOver(own)
    if (own.status !== 'open') return { saved: true }
    const { saved } = await ledger.save({ ...own, version: 1 })
    return saved ? { saved } : await saveOver(own)
  }
  const saveOver = async (ours: Split): Promise<{ readonly saved: boolean }> => {
    for (let attempt = 0; attempt < mostAttempts; attempt += 1) {
      const stored = await ledger.find(ours.id)
      // It was dropped or forgotten: the sender is new.
      if (stored === undefined) return { saved: false }
      if (areTwoMessages(ours, stored)) return await saveApart(ours, stored)
      // Taken for a part of another message while it had no name; it has one now, and goes on.
      if (
        ours.status !== 'open' &&
        ours.fingerprint === undefined &&
        stored.fingerprint !== undefined
      )
        return { saved: false }
      const split = wasTakenFor(ours, stored)
        ? { ...ours, version: stored.version + 1 }
        : reconcile(ours, stored)
      const { saved } = await ledger.save(split)
      if (!saved) continue
      if (ours.status === 'open' && stored.status === 'open') tellIfClosed(split, onFact)
      return { saved }
    }
    return { saved: false }
  }
  return ledgerOver(ledger, {
    save: (split): ReturnType<Ledger['save']> => {
      const result = ledger.save(split)
      if (!(result instanceof Promise)) return result.saved ? result : saveOver(split)
      return result.then(async (outcome) => (outcome.saved ? outcome : await saveOver(split)))
    },
  })
}

function tellIfClosed(split: Split, onFact: FactListener): void {
  const fact = splitClosed(split, split.closedAt ?? split.startedAt)
  if (fact !== undefined) onFact(fact)
}
