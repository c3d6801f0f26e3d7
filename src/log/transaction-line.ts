/**
 * The line that tells all of a transaction: who sent what to whom, in which groups, with
 * which answers, when.
 */
import type { DeliveryFact, RecipientFact, TransactionFact } from '../facts/transaction.ts'
import { ownReason, type Reason } from '../verdict/reason.ts'
import { cutList, cutText } from './cut.ts'

export const cutOptional = (text: string | undefined): string | undefined =>
  text === undefined ? undefined : cutText(text)

/** Fields in the order of the dialogue; those without a value are left out of the line. */
export function transactionFields(fact: TransactionFact): Record<string, unknown> {
  const recipients = cutList(fact.recipients, recipientFields)
  const { address, port, helo, tls } = fact.client
  return {
    event: fact.kind,
    session: fact.session,
    transaction: fact.transaction,
    peer: fact.peer,
    client: { address, port, helo: cutText(helo), tls },
    from: cutText(fact.reversePath),
    recipients: recipients.shown,
    recipientCount: fact.recipients.length,
    recipientsLeftOut: recipients.leftOut.leftOut,
    groups: countGroups(fact.recipients),
    mode: fact.mode,
    strategy: fact.strategy,
    observed: fact.observed,
    chosen: fact.chosen,
    vouched: fact.vouched,
    cameBack: fact.cameBack,
    guess: fact.guess,
    shadow: fact.shadow,
    outcome: fact.outcome,
    unsplit: fact.unsplit,
    split: fact.split,
    size: fact.sizeBytes,
    messageId: cutOptional(fact.messageId),
    score: fact.score,
    symbols: fact.symbols === undefined ? undefined : cutList(fact.symbols, cutText).shown,
    deliveries: cutList(fact.deliveries, deliveryFields).shown,
    reply: cutOptional(fact.reply),
    textMs: fact.textMs,
    judgedMs: fact.judgedMs,
    ms: fact.ms,
  }
}

function recipientFields(fact: RecipientFact): Record<string, unknown> {
  const { reason, overrules, score, threshold, judge, limit } = reasonFields(fact.reason)
  return {
    to: cutText(fact.address),
    policy: fact.policy,
    group: fact.group,
    fate: fact.fate,
    verdict: fact.verdict,
    reason,
    overrules,
    score,
    threshold,
    judge,
    limit,
    duplicate: fact.duplicate,
    reported: fact.reported,
    returnedAfterMs: fact.returnedAfterMs,
    final: fact.final,
    reply: cutOptional(fact.reply),
  }
}

interface ReasonFields {
  readonly reason: Reason['because']
  readonly overrules: unknown
  readonly score: unknown
  readonly threshold: unknown
  readonly judge: unknown
  readonly limit: unknown
}

/** `overrules`: what would have decided without `reason`. The data are those of the lower one. */
export function reasonFields(why: Reason): ReasonFields {
  const own: { readonly [Key in 'because' | 'score' | 'threshold' | 'judge' | 'limit']?: unknown } =
    ownReason(why) ?? {}
  return {
    reason: why.because,
    overrules: own === why ? undefined : own.because,
    score: own.score,
    threshold: own.threshold,
    judge: own.judge,
    limit: own.limit,
  }
}

const deliveryFields = ({
  recipients,
  result,
  reply,
  queueId,
  ms,
}: DeliveryFact): Record<string, unknown> => ({
  recipients,
  result,
  reply: cutText(reply),
  queueId,
  ms,
})

/** They are numbered from 1, as they are met. */
const countGroups = (recipients: readonly RecipientFact[]): number =>
  recipients.reduce((most, { group = 0 }) => Math.max(most, group), 0)

/** In words: `accepted: 3 recipients, 2 answered, 1 deferred to split`. */
export function describeTransaction(fact: TransactionFact): string {
  let [final, deferred, duplicate] = [0, 0, 0]
  for (const recipient of fact.recipients) {
    if (recipient.final) final++
    if (recipient.fate === 'deferred') deferred++
    if (recipient.duplicate === true) duplicate++
  }
  const offered = fact.recipients.length
  const why = fact.unsplit === undefined ? '' : `, not split: ${fact.unsplit}`
  const counts =
    counted(final, 'answered for good') +
    counted(deferred, 'deferred to split') +
    counted(duplicate, 'had it already')
  return `${fact.outcome}: ${offered} ${offered === 1 ? 'recipient' : 'recipients'}${counts}${why}`
}

const counted = (count: number, what: string): string => (count === 0 ? '' : `, ${count} ${what}`)
