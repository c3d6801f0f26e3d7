/** A reason as sentences for an administrator, with its numbers: those of docs/log.md. */
import {
  overrulingWords,
  type Reason,
  reasonWords,
  thresholdWords,
  type OwnReason,
} from '../verdict/reason.ts'

const sentences: Readonly<Record<string, string>> = {
  ...reasonWords,
  ...thresholdWords,
  ...overrulingWords,
}

export function reasonSentence(reason: Reason): string {
  const own = 'overrules' in reason ? reason.overrules : undefined
  if (own !== undefined) return `${sentences[reason.because] ?? reason.because} ${ownSentence(own)}`
  return ownSentence(reason)
}

function ownSentence(reason: OwnReason | Reason): string {
  if ('limit' in reason) return `The limit ${reason.limit} was reached.`
  const sentence = sentences[reason.because] ?? `${reason.because}.`
  if (!('threshold' in reason)) return sentence
  const { score, threshold, judge } = reason
  const by = judge === undefined ? '' : ` by ${judge}`
  return sentence.replace(/\.$/, ` (score ${score}${by}, threshold ${threshold}).`)
}
