/**
 * From what the product knows of peer classes, senders and splits to what schemas.ts says. Pure.
 */
import type { RecipientOutcome, Split, SplitRecipient } from '../split/split.ts'
import { describeReply } from '../smtp/reply.ts'
import type { PeerView, SenderView } from './context.ts'
import type { PeerJson, SenderJson, SplitJson } from './schemas.ts'

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

export function senderJson({
  name,
  strategy,
  why,
  lessons,
  at,
  pin,
  notYet,
}: SenderView): SenderJson {
  return {
    name,
    strategy,
    why,
    lessons: { ...lessons },
    lastChange: time(at),
    ...(pin !== undefined && { pin: { strategy: pin.strategy, by: pin.by, at: time(pin.at) } }),
    ...(notYet !== undefined && { notYet: [...notYet] }),
  }
}

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
