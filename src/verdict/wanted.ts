/** From what judges say to what one recipient wants done with the text. */
import { sameRevision, type Edits, type Revision } from '../message/edits.ts'
import { isPermanent, isTransient, type Reply } from '../smtp/reply.ts'
import { type Finding, type Findings, type Opinion, type Said, symbolsFor } from './judgement.ts'
import type { Policy, SeveralPolicies } from './policy.ts'
import { overruled, type PlainWord, reason } from './reason.ts'
import { hasLists, refusesStrangers, wishFor } from './sender-lists.ts'
import { type Decided, decide, type Verdict } from './verdict.ts'
import { vouchedAuthor } from './vouched-author.ts'

export interface Wanted extends Decided {
  /**
   * Who has decided. What a judge forces stands for everyone, whatever others want of the text; of
   * a text that could not be judged nobody knows what others want.
   */
  readonly by: 'policy' | 'judge' | 'failure'
  /** In the words of who has decided. */
  readonly reply?: Reply
  /**
   * What stands should the recipient's stricter wish give way to those of others: a judge forces
   * it, or could not judge the text.
   */
  readonly atLeast?: Wanted | undefined
}

interface Judged {
  readonly index: number
  readonly policy?: Policy
}

/** What a policy can be about besides what judges find. */
export interface Message {
  /** Address of the reverse-path; empty for the null path. */
  readonly sender: string
  /** Absent while the text still comes in. */
  readonly sizeBytes?: number
}

/** What keeps a text further away from a mailbox is stricter. */
const fromMild = [
  'accept',
  'tag',
  'quarantine',
  'discard',
  'defer',
  'reject',
] as const satisfies readonly Verdict[]

export const unjudged: Wanted = { verdict: 'accept', reason: reason('not judged'), by: 'policy' }

export function wantedOf(findings: Findings, recipient: Judged, message: Message): Wanted {
  const { index, policy } = recipient
  const several = policy?.several
  if (several === undefined) return wantedByOne(findings, recipient, message)
  const each = several.of.map((one) => wantedByOne(findings, { index, policy: one }, message))
  const standing = chosen(
    several,
    each.map((wanted) => (stands(wanted) ? wanted : (wanted.atLeast ?? unjudged))),
  )
  const wanted = chosen(several, each)
  return { ...wanted, atLeast: stands(standing) && !stands(wanted) ? standing : undefined }
}

/** Of equal ones the first. */
const chosen = ({ which }: SeveralPolicies, all: readonly Wanted[]): Wanted =>
  all.reduce((so, next) => {
    const [mild, strict] = isStricter(so, next) ? [next, so] : [so, next]
    if (!isStricter(strict, mild)) return so
    return which === 'mildest' ? mild : strict
  })

/**
 * The strictest that any judge's finding comes to. Scores of different judges are never added: a
 * policy's thresholds are about the score of one.
 */
function wantedByOne(findings: Findings, recipient: Judged, message: Message): Wanted {
  const own = wishOf(findings, recipient, message)
  const scored = own === undefined || own.verdict === 'tag'
  let strictest = own ?? unjudged
  let standing: Wanted | undefined
  for (const finding of findings.all) {
    const wanted = wantedBy(finding, recipient, scored)
    // Of equal ones the first that says anything.
    if (strictest === unjudged || isStricter(wanted, strictest)) strictest = wanted
    if (stands(wanted) && (standing === undefined || isStricter(wanted, standing)))
      standing = wanted
  }
  return standing === undefined || stands(strictest)
    ? strictest
    : { ...strictest, atLeast: standing }
}

/**
 * Whatever others want. Of a text that nobody could judge it is not known that anyone would take
 * it.
 */
export const stands = ({ by, verdict }: Pick<Wanted, 'by' | 'verdict'>): boolean =>
  by === 'judge' || (by === 'failure' && verdict === 'defer')

/** What the policy says whatever the score is; beside a mere mark the score may say more. */
function wishOf(
  findings: Findings,
  { index, policy }: Judged,
  { sender, sizeBytes }: Message,
): Wanted | undefined {
  if (policy === undefined) return undefined
  const { maxSizeBytes } = policy
  if (maxSizeBytes !== undefined && sizeBytes !== undefined && sizeBytes > maxSizeBytes)
    return wish('reject', 'max_size')
  const author = hasLists(policy) ? vouchedAuthor(findings, sender) : undefined
  const ofSender = wishFor(policy, sender, author)
  if (ofSender === 'refuse') return wish('reject', 'refuse_senders')
  if (ofSender === 'accept') return wish('accept', 'accept_senders')
  const { rejectSymbols, acceptSymbols, tagSymbols } = policy
  const given = (wanted?: ReadonlySet<string>): boolean =>
    wanted !== undefined && symbolsFor(findings, index).some((symbol) => wanted.has(symbol))
  if (given(rejectSymbols)) return wish('reject', 'reject_symbols')
  if (given(acceptSymbols)) return wish('accept', 'accept_symbols')
  // A judge that has failed might have vouched for the author.
  if (refusesStrangers(policy, sender) && findings.all.every(hasJudged))
    return wish('reject', 'known_senders_only')
  return given(tagSymbols) ? wish('tag', 'tag_symbols') : undefined
}

const hasJudged = ({ judgement }: Finding): boolean => judgement.kind !== 'failed'

const wish = (verdict: Verdict, because: PlainWord): Wanted => ({
  verdict,
  reason: reason(because),
  by: 'policy',
})

export const isStricter = (one: Decided, other: Decided): boolean =>
  fromMild.indexOf(one.verdict) > fromMild.indexOf(other.verdict)

/** `scored`: its score counts. */
function wantedBy(finding: Finding, { index, policy }: Judged, scored: boolean): Wanted {
  const { judgement, onFailure, notAbout } = finding
  if (notAbout?.has(index) === true) return unjudged
  switch (judgement.kind) {
    case 'silent':
      return unjudged
    case 'failed':
      return { verdict: onFailure, reason: reason('judge failed'), by: 'failure' }
    case 'judged': {
      const { opinion, score: its } = saidOf(judgement, index)
      const score = scored ? its : undefined
      // What is forced says nothing by its score.
      if (opinion === undefined) return byScore(finding, score, policy)
      if (opinion.verdict === 'defer' && policy?.noGreylisting === true)
        return without(opinion, byScore(finding, score, policy))
      const wanted = forcedBy(opinion, policy)
      return isOwn(judgement, index) && wanted.verdict === 'reject'
        ? { ...wanted, by: 'policy' }
        : wanted
    }
  }
}

/**
 * A refusal of one recipient alone is that recipient's verdict, as a policy's would be: a strategy
 * may make something milder of it. Everything else stands: nobody gets a text that a judge wants
 * later, and all the others hear 250 as everybody does.
 */
const isOwn = ({ own }: Found, index: number): boolean => own?.get(index)?.opinion !== undefined

function byScore({ judge, weighs }: Finding, score: number | undefined, policy?: Policy): Wanted {
  if (policy === undefined || score === undefined) return unjudged
  const own = policy.scorers?.[judge]
  if (!weighs && own === undefined) return unjudged
  return { ...decide(score, own ?? policy, weighs ? undefined : judge), by: 'policy' }
}

/** As if the judge had not put it off. */
const without = (opinion: Opinion, wanted: Wanted): Wanted =>
  wanted.verdict === 'accept'
    ? { ...wanted, reason: overruled('no_greylisting', forcedBy(opinion).reason) }
    : wanted

function forcedBy({ verdict, reply }: Opinion, policy?: Policy): Wanted {
  const why = reason('forced by judge')
  if (policy?.neverReject === true && (verdict === 'reject' || verdict === 'discard')) {
    const instead = policy.quarantineAt === undefined ? 'tag' : 'quarantine'
    return { verdict: instead, reason: overruled('never_reject', why), by: 'judge' }
  }
  const fits =
    reply !== undefined &&
    ((verdict === 'reject' && isPermanent(reply)) || (verdict === 'defer' && isTransient(reply)))
  return { verdict, reason: why, by: 'judge', ...(fits ? { reply } : {}) }
}

type Found = Extract<Finding['judgement'], { kind: 'judged' }>

const saidOf = (judgement: Found, index: number): Said => {
  const own = judgement.own?.get(index)
  return own === undefined ? judgement : { ...judgement, ...own }
}

/** The score that a recipient's thresholds are compared with. */
export function scoreFor({ all }: Findings, index: number): number | undefined {
  const judgement = all.find(({ weighs }) => weighs)?.judgement
  return judgement?.kind === 'judged' ? saidOf(judgement, index).score : undefined
}

/** What is changed in the text for this recipient. */
export function revisionFor({ all, revision }: Findings, index: number): Revision {
  const own: Edits[] = []
  for (const { judgement } of all) {
    const edits = judgement.kind === 'judged' ? judgement.own?.get(index)?.edits : undefined
    if (edits !== undefined) own.push(edits)
  }
  return own.length === 0 ? revision : [...revision, own]
}

export interface SameText<Member> {
  readonly revision: Revision
  readonly members: readonly Member[]
}

/** Who gets the same octets, in the order in which these first occur. */
export function byRevision<Member>(
  members: readonly Member[],
  revisionOf: (member: Member) => Revision,
): readonly SameText<Member>[] {
  const texts: { readonly revision: Revision; readonly members: Member[] }[] = []
  for (const member of members) {
    const revision = revisionOf(member)
    const same = texts.find((text) => sameRevision(text.revision, revision))
    if (same === undefined) texts.push({ revision, members: [member] })
    else same.members.push(member)
  }
  return texts
}
