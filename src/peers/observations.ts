/** What one transaction teaches about its sender (strategy/auto.ts has the words). Pure. */
import { isForcedRetry, type RecipientFact, type TransactionFact } from '../facts/transaction.ts'
import { delayLesson, type LessonName } from '../strategy/auto.ts'

/**
 * Nothing without SPF or DKIM; nothing of PRDR, where nobody is deferred, and of the site's own
 * networks. What it says of a message counts only for a sender that something else is known of: who
 * was never deferred is not remembered.
 */
export function lessonsOf(fact: TransactionFact): Partial<Record<LessonName, number>> | undefined {
  if (fact.vouched !== true || fact.mode === 'prdr' || fact.unsplit === 'trusted') return undefined
  const { recipients, textMs, outcome, cameBack } = fact
  const lessons: Partial<Record<LessonName, number>> = {}
  // It comes again because of a filter, and is the same message then.
  if (textMs !== undefined && fact.deferredByJudge !== true) lessons.messages = 1
  if (recipients.some(isForcedRetry)) lessons.deferred = 1
  const delay = longest(recipients)
  if (delay !== undefined) {
    lessons.returned = 1
    lessons[delayLesson(delay)] = 1
    if (cameBack?.sameConnection === true) lessons.sameConnection = 1
    if (cameBack?.elsewhere === true) lessons.elsewhere = 1
  }
  const atRcpt =
    recipients.some(({ fate }) => fate === 'deferred') &&
    recipients.some(({ fate }) => fate === 'through')
  if (outcome === 'aborted' && textMs === undefined && atRcpt) lessons.cutOff = 1
  return lessons
}

export interface SeenOfSplits {
  readonly forcedRetries: number
  /** After how many seconds this attempt came, if it is a retry. */
  readonly delay?: number
}

/** What splitting has cost a sender in one transaction; undefined for nothing. Teaches nothing. */
export function seenOfSplits(fact: TransactionFact): SeenOfSplits | undefined {
  if (fact.mode === 'prdr' || fact.unsplit === 'trusted') return undefined
  const forcedRetries = fact.recipients.filter(isForcedRetry).length
  const delay = longest(fact.recipients)
  if (forcedRetries === 0 && delay === undefined) return undefined
  return { forcedRetries, ...(delay !== undefined && { delay: Math.round(delay / 1000) }) }
}

function longest(recipients: readonly RecipientFact[]): number | undefined {
  const delays = recipients.flatMap(({ returnedAfterMs }) => returnedAfterMs ?? [])
  return delays.length === 0 ? undefined : Math.max(...delays)
}
