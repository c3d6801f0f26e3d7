/** A reason as a sentence, for who has not read the table of words in docs/log.md. Pure. */
import {
  overrulingWords,
  type OwnReason,
  type Reason,
  reasonWords,
  thresholdWords,
} from './reason.ts'

const words: Readonly<Record<string, string>> = {
  ...reasonWords,
  ...thresholdWords,
  ...overrulingWords,
}

/** `The score reaches reject_at of the policy (score 9, threshold 8).` */
export function explainReason(why: Reason): string {
  const below = 'overrules' in why ? why.overrules : undefined
  return below === undefined
    ? sentenceOf(why)
    : `${sentenceOf(why)} Without that: ${sentenceOf(below)}`
}

function sentenceOf(why: Reason | OwnReason): string {
  if (why.because === 'limit') return `The limit ${why.limit} was passed.`
  // Written for pages, where a key stands between back quotes.
  const sentence = (words[why.because] ?? `${why.because}.`).replaceAll('`', '')
  if (!('threshold' in why)) return sentence
  const judge = why.judge === undefined ? '' : `, by ${why.judge}`
  return `${sentence.slice(0, -1)} (score ${why.score}, threshold ${why.threshold}${judge}).`
}
