/** What judges say of one message, as data. */
import type { Author } from '../message/author.ts'
import type { Edits, Revision } from '../message/edits.ts'
import type { Reply } from '../smtp/reply.ts'
import type { Verdict } from './verdict.ts'

/**
 * What a judge forces, whatever the thresholds of a policy are: a virus, a rate limit, an answer
 * that a filter's own rules have made final.
 */
export interface Opinion {
  readonly verdict: Verdict
  /** In the judge's words; only of `reject` (5yz) and `defer` (4yz). */
  readonly reply?: Reply
}

export interface Said {
  /** The sum of its symbols, as SpamAssassin and rspamd count; absent: it counts nothing. */
  readonly score?: number
  readonly opinion?: Opinion
  /** What it changes in the text that it was given. */
  readonly edits?: Edits
  /** Of another scan than that which is told of all. */
  readonly symbols?: readonly string[]
}

/** One judge of one text. */
export type Judgement =
  | (Said & {
      readonly kind: 'judged'
      readonly symbols: readonly string[]
      /**
       * Of whom it says something else, by index in the transaction. One object for several says
       * the same of them.
       */
      readonly own?: ReadonlyMap<number, Said>
    })
  /** Nothing in the text says anything about it: every policy accepts. */
  | { readonly kind: 'silent'; /** It was not asked. */ readonly why?: string }
  /** The judge's own trouble; `onFailure` decides. */
  | { readonly kind: 'failed'; readonly why: string }

/** What one of the judges found. */
export interface Finding {
  readonly judge: string
  readonly judgement: Judgement
  /** What recipients want of a text that it could not judge. */
  readonly onFailure: 'accept' | 'tag' | 'defer'
  /** The thresholds of policies are about its score. */
  readonly weighs: boolean
  /**
   * Whom it was not asked about, since a judge before it had kept the text from them: what it says
   * for all is not said of them. By index in the transaction.
   */
  readonly notAbout?: ReadonlySet<number>
}

/** All judges of one text. */
export interface Findings {
  /** In the order of the configuration. */
  readonly all: readonly Finding[]
  /** What they change in the text for everyone. */
  readonly revision: Revision
  /** As the From field says, where a recipient's policy may ask for it; octets. */
  readonly author?: Author
}

/** In a word: a score, a result without one, nothing about the message, or no judgement. */
export function resultOf(judgement: Judgement): 'scored' | 'forced' | 'silent' | 'failed' {
  if (judgement.kind !== 'judged') return judgement.kind
  const said = [judgement, ...(judgement.own?.values() ?? [])]
  if (said.some(({ score }) => score !== undefined)) return 'scored'
  return said.some(({ opinion }) => opinion !== undefined) ? 'forced' : 'silent'
}

/** Nobody has said anything. */
export const noFindings: Findings = { all: [], revision: [] }

/** The score that the thresholds of policies are about. */
export function scoreOf({ all }: Findings): number | undefined {
  const weighing = all.find(({ weighs }) => weighs)?.judgement
  return weighing?.kind === 'judged' ? weighing.score : undefined
}

/** Of all judges that were asked about this recipient, as they found them for this one. */
export const symbolsFor = ({ all }: Findings, index: number): readonly string[] =>
  all.flatMap(({ judgement, notAbout }) =>
    judgement.kind !== 'judged' || notAbout?.has(index) === true
      ? []
      : (judgement.own?.get(index)?.symbols ?? judgement.symbols),
  )

/** Of all judges; undefined where none has judged. */
export function symbolsOf({ all }: Findings): readonly string[] | undefined {
  const symbols: (readonly string[])[] = []
  for (const { judgement } of all) if (judgement.kind === 'judged') symbols.push(judgement.symbols)
  return symbols.length < 2 ? symbols[0] : symbols.flat()
}
