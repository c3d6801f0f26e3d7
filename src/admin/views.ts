/**
 * From what the product knows of peer classes, senders and splits to what schemas.ts says. Pure.
 */
import type { RecipientOutcome, Split, SplitRecipient } from '../split/split.ts'
import { describeReply } from '../smtp/reply.ts'
import type { AuditEntry, DrainView, HeldSplit, PeerView, SenderView } from './context.ts'
import type { AuditEntryJson, DrainJson, PeerJson, SenderJson, SplitJson } from './schemas.ts'

const time = (ms: number): string => new Date(ms).toISOString()

export function peerJson({ override, ...peer }: PeerView): PeerJson {
  return {
    name: peer.name,
    configured: peer.configured,
    inForce: peer.inForce,
    ...(peer.shadow !== undefined && { shadow: peer.shadow }),
    ...(override !== undefined && {
      override: {
        strategy: override.strategy,
        ...(override.until !== undefined && { until: time(override.until) }),
        by: override.by,
        setAt: time(override.setAt),
      },
    }),
    deferCode: peer.deferCode,
    retryHintSeconds: peer.retryHintSeconds,
    match: peer.match,
    meanings: { ...peer.meanings },
    ...(peer.notYet !== undefined && { notYet: [...peer.notYet] }),
  }
}

export const auditJson = ({ at, until, ...entry }: AuditEntry): AuditEntryJson => ({
  at: time(at),
  ...entry,
  ...(until !== undefined && { until: time(until) }),
})

export function senderJson({ at, seen, pin, notYet, ...sender }: SenderView): SenderJson {
  return {
    name: sender.name,
    strategy: sender.strategy,
    why: sender.why,
    lessons: { ...sender.lessons },
    forcedRetries: sender.forcedRetries,
    retryDelays: [...sender.retryDelays],
    ...(seen !== undefined && { lastSeen: time(seen) }),
    lastChange: time(at),
    ...(pin !== undefined && { pin: pinJson(pin) }),
    ...(notYet !== undefined && { notYet: [...notYet] }),
  }
}

const pinJson = ({
  strategy,
  by,
  at,
  until,
}: NonNullable<SenderView['pin']>): SenderJson['pin'] => ({
  strategy,
  by,
  at: time(at),
  ...(until !== undefined && { until: time(until) }),
})

export function splitJson(split: Split): SplitJson {
  return {
    id: split.id,
    status: split.status,
    from: split.reversePath,
    ...(split.messageId !== undefined && { messageId: split.messageId }),
    peer: split.peer,
    strategy: split.strategy,
    startedAt: time(split.startedAt),
    lastAttemptAt: time(split.lastAttemptAt),
    ...(split.closedAt !== undefined && { closedAt: time(split.closedAt) }),
    forgiven: split.forgiven,
    forcedRetries: split.forcedRetries,
    idleAttempts: split.idleAttempts,
    openedBy: split.openedBy,
    ...(split.attempt !== undefined && {
      lastTransaction: split.attempt.transaction,
      client: split.attempt.rdns ?? split.attempt.address,
    }),
    waiting: split.recipients.filter(({ state }) => state !== 'answered').length,
    recipients: split.recipients.map(recipientJson),
  }
}

/** `reply`: the refusal that is kept for them; `answer`: what was said to them for good. */
function recipientJson({
  address,
  state,
  reply,
  outcome,
  deferredAt,
  deferrals,
  missingAt,
}: SplitRecipient): SplitJson['recipients'][number] {
  return {
    address,
    state,
    ...(reply !== undefined && { reply: describeReply(reply) }),
    ...(outcome !== undefined && outcomeJson(outcome)),
    ...(deferredAt !== undefined && { deferredAt: time(deferredAt) }),
    ...(missingAt !== undefined && { missingSince: time(missingAt) }),
    deferrals,
  }
}

type OutcomeJson = Pick<SplitJson['recipients'][number], 'transaction' | 'reason' | 'answer'>

const outcomeJson = ({ transaction, reason, reply, at }: RecipientOutcome): OutcomeJson => ({
  transaction,
  reason,
  ...(reply !== undefined && { answer: { ...reply, ...(at !== undefined && { at: time(at) }) } }),
})

/** `done`: whoever takes the port back gives no message to anybody who has it. */
export function drainJson(view: DrainView): DrainJson {
  const { since, by, open, held, all, durable, shared, notYet } = view
  const draining = since !== undefined
  return {
    draining,
    ...(since !== undefined && { since: time(since) }),
    ...(by !== undefined && { by }),
    done: draining && held === 0 && all && durable && notYet === undefined,
    open,
    held,
    all,
    durable,
    shared,
    splits: view.splits.map(heldJson),
    ...(notYet !== undefined && { notYet: [...notYet] }),
  }
}

function heldJson(split: HeldSplit): DrainJson['splits'][number] {
  const { id, reversePath, client, messageId, comesBack } = split
  return {
    id,
    from: reversePath,
    ...(client !== undefined && { client }),
    ...(messageId !== undefined && { messageId }),
    startedAt: time(split.startedAt),
    lastAttemptAt: time(split.lastAttemptAt),
    held: [...split.held],
    waiting: [...split.waiting],
    ...(comesBack !== undefined && { comesBack: windowJson(comesBack) }),
  }
}

const seconds = (ms: number): number => Math.round(ms / 1000)

/** `later` has no end. */
const windowJson = ({
  fromMs,
  toMs,
}: NonNullable<HeldSplit['comesBack']>): DrainJson['splits'][number]['comesBack'] => ({
  fromSeconds: seconds(fromMs),
  ...(Number.isFinite(toMs) && { toSeconds: seconds(toMs) }),
})
