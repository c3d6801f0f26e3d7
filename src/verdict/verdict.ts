/**
 * Score x policy = one verdict per recipient, and what becomes of verdicts that have to share an
 * answer.
 */
import type { Thresholds } from './policy.ts'
import { type Reason, reason, thresholdReason } from './reason.ts'

/** `discard`: the client hears 250, and nobody gets the text. Only a judge can want that. */
export type Verdict = 'accept' | 'tag' | 'quarantine' | 'discard' | 'reject' | 'defer'

/** A verdict, and why it is that one. */
export interface Decided {
  readonly verdict: Verdict
  readonly reason: Reason
}

/** From the strictest. */
const thresholds = [
  ['reject', 'reject_at', 'rejectAt'],
  ['defer', 'defer_at', 'deferAt'],
  ['quarantine', 'quarantine_at', 'quarantineAt'],
  ['tag', 'tag_at', 'tagAt'],
] as const

/** The verdict of one policy over one score; `judge`: whose it is, but for the first scorer's. */
export function decide(score: number, wanted: Thresholds, judge?: string): Decided {
  for (const [verdict, because, field] of thresholds) {
    const threshold = wanted[field]
    if (threshold === undefined || score < threshold) continue
    const whose = judge === undefined ? {} : { judge }
    return { verdict, reason: thresholdReason(because, { score, threshold, ...whose }) }
  }
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
 * Strategies). `lenient`: where they differ, those who would refuse it or put it off get it as
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
    // Neither would be true for all: what keeps it furthest away from them all.
    if (wanted.every(isWithheld) && new Set(wanted).size > 1) return wanted.map(() => 'quarantine')
    const shared = fromMild[Math.min(...wanted.map((verdict) => strictness[verdict]))] ?? 'accept'
    return wanted.map(() => shared)
  }
  const [first] = wanted
  const agree = isWithheld(first)
    ? wanted.every((verdict) => verdict === first)
    : !wanted.some(isWithheld)
  return agree ? wanted : wanted.map((verdict) => (isWithheld(verdict) ? instead : verdict))
}

const isWithheld = (verdict: Verdict | undefined): boolean =>
  verdict === 'reject' || verdict === 'defer'
