/**
 * What a message's course depends on. Two messages of one shape have the same course, so that a
 * million messages are played some hundred times. Pure.
 */
import type { Decided, Question } from './decided.ts'

/**
 * Recipients of one group and verdict are alike wherever they stand: only which group was offered
 * first matters, and groups are numbered by that.
 */
export function shapeOf({ recipients, findings, servedAs }: Question, decided: Decided): string {
  const counts = new Map<string, number>()
  for (const [i, { group, verdict, at }] of decided.recipients.entries()) {
    const never = recipients[i]?.policy.neverDefer === true ? '!' : ''
    const key = `${group}${never} ${verdict} ${at}`
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  const forced = findings.all.flatMap(({ judgement }) =>
    judgement.kind === 'judged' ? (judgement.opinion?.verdict ?? []) : [],
  )
  const alike = [...counts].map(([key, count]) => `${key} ${count}`).toSorted()
  const { peer, trusted } = servedAs
  return [peer.name, trusted, decided.vouched, decided.reportable, forced, ...alike].join('|')
}
