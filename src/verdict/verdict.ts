/**
 * Score x policy = one verdict per recipient, and what becomes of verdicts that have to share an
 * answer.
 */
import type { Policy } from './policy.ts'
import { type Reason, reason, thresholdReason } from './reason.ts'

/** `discard`: the client hears 250, and nobody gets the text. Only a judge can want that. */
export type Verdict = 'accept' | 'tag' | 'quarantine' | 'discard' | 'reject' | 'defer'

/** A verdict, and why it is that one. */
export interface Decided {
  readonly verdict: Verdict
  readonly reason: Reason
}

/** The verdict of one policy over one score. */
export function decide(score: number, { rejectAt, quarantineAt, tagAt }: Policy): Decided {
  if (rejectAt !== undefined && score >= rejectAt)
    return { verdict: 'reject', reason: thresholdReason('reject_at', score, rejectAt) }
  if (quarantineAt !== undefined && score >= quarantineAt)
    return { verdict: 'quarantine', reason: thresholdReason('quarantine_at', score, quarantineAt) }
  if (tagAt !== undefined && score >= tagAt)
    return { verdict: 'tag', reason: thresholdReason('tag_at', score, tagAt) }
  return { verdict: 'accept', reason: reason('below limits') }
}

/**
 * How recipients of one transaction are answered: each for themselves (PRDR), or together in one of
 * two ways.
 */
export type Sharing = 'each' | 'lenient' | 'off'

const strictness: Readonly<Record<Verdict, number>> = {
  accept: 0,
  tag: 1,
  quarantine: 2,
  discard: 3,
  reject: 4,
  defer: 5,
}
const fromMild = [
  'accept',
  'tag',
  'quarantine',
  'discard',
  'reject',
  'defer',
] as const satisfies readonly Verdict[]

/** Some would refuse what others get: no one reply is true for all of them. */
export const differ = (wanted: readonly Verdict[]): boolean =>
  wanted.includes('reject') && wanted.some((verdict) => verdict !== 'reject' && verdict !== 'defer')

/**
 * What recipients get, given what they want, when one reply has to be true for all of them (design:
 * Strategies). `lenient`: where some refuse and others don't, those who would refuse get it as
 * `instead`. `off`: the strictest verdict that all share. Delivered verdicts (accept, tag,
 * quarantine) can always stand together: all of them answer 250.
 */
export function grant(
  wanted: readonly Verdict[],
  sharing: Sharing,
  instead: 'tag' | 'quarantine',
): readonly Verdict[] {
  if (sharing === 'each') return wanted
  if (sharing === 'off') {
    const shared = fromMild[Math.min(...wanted.map((verdict) => strictness[verdict]))] ?? 'accept'
    return wanted.map(() => shared)
  }
  const agree = wanted.every((verdict) => verdict === 'reject') || !wanted.includes('reject')
  return agree ? wanted : wanted.map((verdict) => (verdict === 'reject' ? instead : verdict))
}
