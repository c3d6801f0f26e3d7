/** From what judges find to verdicts, and from verdicts to the parcels that the backend gets. */
import { isPermanent, type Reply } from '../smtp/reply.ts'
import { replies } from '../smtp/replies.ts'
import type { Findings } from '../verdict/judgement.ts'
import { type Granted, isDelivered, type Parcel, parcelsOf } from '../verdict/parcels.ts'
import { overruled, type OverrulingWord, reason } from '../verdict/reason.ts'
import { type Decided, grant, type Sharing, type Verdict } from '../verdict/verdict.ts'
import {
  isStricter,
  type Message,
  revisionFor,
  scoreFor,
  stands,
  unjudged,
  type Wanted,
  wantedOf,
} from '../verdict/wanted.ts'
import type { Report } from './answering.ts'
import { mayBeReported } from './bounce.ts'
import { observes } from './observe.ts'
import { refusedBefore } from './outcomes.ts'
import { inOwnWords, messageOf } from './own-words.ts'
import { forClient } from './relay.ts'
import type { Session } from './session.ts'
import {
  anyoneDeferred,
  anywayOf,
  type Recipient,
  servingOf,
  splittingOf,
  those,
  throughOf,
  type Transaction,
} from './transaction.ts'
import { known } from '../known.ts'

export interface Plan {
  readonly parcels: readonly Parcel[]
  /** By index; where the backend has the last word, only what judges keep from it. */
  readonly decided: readonly (DecidedFor | undefined)[]
}

/** `reply`: what is said to who is refused or deferred. */
type DecidedFor = Decided & Pick<Wanted, 'reply'>

export interface Grounds {
  readonly findings: Findings
  readonly report: Report
  /** Absent: it was not looked at before. */
  readonly wants?: Wants | undefined
}

/** What each of those who get the text wants of it; each is looked at once. */
export type Wants = (recipient: Recipient) => Wanted

export function wantsOf(transaction: Transaction, findings: Findings): Wants {
  const message = messageOf(transaction)
  const looked: Wanted[] = []
  return (recipient) =>
    (looked[recipient.index] ??= wantedFrom(transaction, recipient, { findings, message }))
}

/** Who of those that went through gets the text, and as what. */
export function planParcels(session: Session, transaction: Transaction, grounds: Grounds): Plan {
  const { findings, wants = wantsOf(transaction, findings) } = grounds
  if (session.options.lastWord === 'backend' || observes(session))
    return planForBackend(session, transaction, grounds)
  const decided: (DecidedFor | undefined)[] = []
  const through = throughOf(transaction)
  // Who has the message already gets nothing, but hears the same answer.
  const open = those(through, getsText)
  const wanted = open.map(wants)
  grantOpen(transaction, { open, wanted }, grounds.report).forEach((granted, i) => {
    const recipient = open[i]
    if (recipient !== undefined) decided[recipient.index] = granting(session, granted)
  })
  for (const recipient of through) {
    if (recipient.memory?.state === 'delivered')
      decided[recipient.index] = {
        verdict: asDelivered(session, wants(recipient)),
        reason: reason('delivered before'),
      }
    // The backend has no such address: nobody can be lenient about that.
    else if (recipient.concealed !== undefined)
      decided[recipient.index] = ofConcealed(recipient.concealed)
  }
  const anyway = anywayOf(transaction)
  for (const recipient of anyway) decided[recipient.index] = granting(session, wants(recipient))
  const getting = anyway.length === 0 ? open : [...open, ...anyway]
  const granted = getting.map(({ index, policy, group }): Granted => {
    const verdict = decided[index]?.verdict ?? 'defer'
    return grantedTo(findings, {
      index,
      verdict,
      group: policy?.group === 'own' ? group : undefined,
    })
  })
  return { parcels: parcelsOf(granted), decided }
}

/** Who has the message already, or whom the server behind does not know, gets nothing. */
const getsText = ({ memory, concealed }: Recipient): boolean =>
  memory?.state !== 'delivered' && concealed === undefined

const grantedTo = (
  findings: Findings,
  { index, verdict, group }: Pick<Granted, 'index' | 'verdict' | 'group'>,
): Granted => ({
  index,
  verdict,
  group,
  score: scoreFor(findings, index),
  revision: revisionFor(findings, index),
})

/** Who gets the text now, and what each of them wants. */
interface Wishes {
  readonly open: readonly Recipient[]
  readonly wanted: readonly Wanted[]
}

/** What each of them gets where an answer may have to do for all. What is forced stands. */
function grantOpen(
  transaction: Transaction,
  { open, wanted }: Wishes,
  report: Report,
): readonly DecidedFor[] {
  if (open.length === 0) return []
  const shared = sharingOf(transaction, report)
  if (shared.sharing === 'each' && report.kind === 'none') return wanted
  const instead = transaction.peer.lenientAs
  const granted = grant(
    [...wanted.map(({ verdict }) => verdict), ...othersOf(transaction)],
    shared.sharing,
    instead,
  )
  return wanted.map((own, i) => {
    if (stands(own)) return own
    const verdict = granted[i] ?? 'defer'
    const milder = (decided: Decided): DecidedFor =>
      own.atLeast !== undefined && isStricter(own.atLeast, decided) ? own.atLeast : decided
    // A report tells of refusals alone.
    if (report.kind === 'ready' && verdict === 'defer')
      return milder({ verdict: instead, reason: overruled('lenient', own.reason) })
    const untold = report.kind === 'ready' && verdict === 'reject' && !isReportable(open[i])
    if (untold) return milder({ verdict: instead, reason: overruled('not reported', own.reason) })
    return verdict === own.verdict || shared.sharing === 'each'
      ? own
      : milder({ verdict, reason: overruled(shared.because, own.reason) })
  })
}

const isReportable = (recipient: Recipient | undefined): boolean =>
  recipient !== undefined && mayBeReported(recipient)

type Shared =
  | { readonly sharing: 'each' }
  /** `because`: why somebody gets what they do not want. */
  | { readonly sharing: Exclude<Sharing, 'each'>; readonly because: OverrulingWord }

const each: Shared = { sharing: 'each' }

/**
 * How the recipients of this transaction are answered. Where the client is split several groups are
 * together only because a guess was wrong (those refused in another message go together) or a
 * policy says `never_defer`; only the latter is lenient.
 */
function sharingOf(transaction: Transaction, report: Report): Shared {
  const splitting = splittingOf(transaction)
  if (transaction.prdr || splitting === 'late') return each
  if (splitting === undefined) {
    if (report.kind === 'ready') return each
    const sharing = servingOf(transaction) === 'off' ? 'off' : 'lenient'
    return { sharing, because: transaction.unsplit ?? sharing }
  }
  const through = throughOf(transaction)
  if (through.some((recipient) => recipient.concealed !== undefined)) return each
  return through.some((recipient) => recipient.policy?.neverDefer === true)
    ? { sharing: 'lenient', because: 'never_defer' }
    : each
}

/** Of who is told only after the text what the server behind said at RCPT. */
const ofConcealed = (concealed: Reply): Decided => ({
  verdict: isPermanent(concealed) ? 'reject' : 'defer',
  reason: reason('concealed'),
})

/** What who has the message got it as: the text is the same, and so is the verdict on it. */
function asDelivered(session: Session, wanted: Decided): Verdict {
  const { verdict } = granting(session, wanted)
  return verdict === 'tag' || verdict === 'quarantine' ? verdict : 'accept'
}

const granting = ({ options }: Session, decided: DecidedFor): DecidedFor =>
  decided.verdict === 'quarantine' && options.quarantine === undefined
    ? { ...decided, verdict: 'tag' }
    : decided

/** What others want who share the answer without getting the text now. */
function othersOf(transaction: Transaction): readonly Verdict[] {
  const someoneHasIt = throughOf(transaction).some(({ memory }) => memory?.state === 'delivered')
  // Rule 2 keeps a refusal back as long as someone is deferred; a message that is let through has
  // to end all the same.
  const someoneIsLeft = transaction.unsplit !== undefined && anyoneDeferred(transaction)
  // The server behind is not asked again about them.
  const someoneIsRefused = throughOf(transaction).some(({ memory }) => memory?.state === 'refused')
  return [
    ...(someoneHasIt || someoneIsLeft ? (['accept'] as const) : []),
    ...(someoneIsRefused ? (['reject'] as const) : []),
  ]
}

/** What everyone who went through wants of this text, or has already. */
export const wantedByAll = (transaction: Transaction, wants: Wants): readonly Verdict[] =>
  throughOf(transaction).map((recipient) => {
    if (recipient.memory?.state === 'delivered') return 'accept'
    return recipient.concealed === undefined
      ? wants(recipient).verdict
      : ofConcealed(recipient.concealed).verdict
  })

function wantedFrom(
  transaction: Transaction,
  recipient: Recipient,
  { findings, message }: { readonly findings: Findings; readonly message: Message },
): Wanted {
  const { memory } = recipient
  const wanted = wantedOf(findings, recipient, message)
  if (memory?.state !== 'refused') return inOwnWords(transaction, recipient, wanted)
  const atLeast = stands(wanted) ? wanted : wanted.atLeast
  return { verdict: 'reject', reason: refusedBefore(memory), by: 'policy', ...known({ atLeast }) }
}

/**
 * A judge wants everyone who would get the text to come again, as a greylisting filter does: its
 * words. It is no answer of a policy, and nobody waits for another's sake.
 */
export function deferredByJudge(transaction: Transaction, wants: Wants): Reply | undefined {
  const open = those(throughOf(transaction), getsText)
  const isDeferred = (recipient: Recipient): boolean => {
    const { by, verdict } = wants(recipient)
    return by === 'judge' && verdict === 'defer'
  }
  const [first] = open
  if (first === undefined || !open.every(isDeferred)) return undefined
  const instead = replies.judgeUnavailable
  return forClient(wants(first).reply ?? instead, instead)
}

/**
 * The server behind has the last word: one transaction per group, so that the refusal of one group
 * takes the message from nobody else, also where all share an answer (decision 36). With `off` one
 * for all, whose reply is the verdict. What judges keep from a mailbox is not asked of it.
 */
function planForBackend(
  session: Session,
  transaction: Transaction,
  { findings, report }: Grounds,
): Plan {
  const apart = transaction.prdr || servingOf(transaction) !== 'off'
  const taking = throughOf(transaction).filter(
    ({ concealed, memory }) =>
      concealed === undefined &&
      memory?.state !== 'delivered' &&
      !(apart && memory?.state === 'refused'),
  )
  const ofPolicy = (recipient: Recipient): Wanted =>
    inOwnWords(transaction, recipient, wantedOf(findings, recipient, messageOf(transaction)))
  const anyway = anywayOf(transaction)
  const granted = [
    ...grantOpen(transaction, { open: taking, wanted: taking.map(ofPolicy) }, report),
    ...anyway.map(ofPolicy),
  ]
  const decided: (DecidedFor | undefined)[] = []
  const parcels = [...taking, ...anyway].map(({ index, group }, i): Granted => {
    const wanted = granting(session, granted[i] ?? unjudged)
    if (!isDelivered(wanted.verdict)) decided[index] = wanted
    const { verdict } = wanted
    return grantedTo(findings, { index, verdict, group: apart ? group : undefined })
  })
  return { parcels: parcelsOf(parcels), decided }
}
