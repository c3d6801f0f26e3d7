/** From the judgement to verdicts, and from verdicts to the parcels that the backend gets. */
import type { Judgement } from '../judge/judge.ts'
import { isPermanent, type Reply } from '../smtp/reply.ts'
import { type Parcel, parcelsByGroup, parcelsByResult } from '../verdict/parcels.ts'
import { overruled, type OverrulingWord, reason } from '../verdict/reason.ts'
import { type Decided, decide, grant, type Sharing, type Verdict } from '../verdict/verdict.ts'
import type { Report } from './answering.ts'
import { mayBeReported } from './bounce.ts'
import { refusedBefore } from './outcomes.ts'
import type { Session } from './session.ts'
import {
  anyoneDeferred,
  anywayOf,
  type Recipient,
  servingOf,
  splittingOf,
  throughOf,
  type Transaction,
} from './transaction.ts'

export interface Plan {
  readonly parcels: readonly Parcel[]
  /** By index; empty where the backend judges. */
  readonly decided: ReadonlyMap<number, Decided>
}

export interface Grounds {
  readonly judgement: Judgement
  readonly report: Report
}

/** Who of those that went through gets the text, and as what. */
export function planParcels(session: Session, transaction: Transaction, grounds: Grounds): Plan {
  if (session.options.judging === 'backend')
    return { parcels: backendParcels(transaction), decided: new Map() }
  const decided = new Map<number, Decided>()
  const through = throughOf(transaction)
  // Who has the message already gets nothing, but hears the same answer.
  const open = through.filter(
    ({ memory, concealed }) => memory?.state !== 'delivered' && concealed === undefined,
  )
  grantOpen(session, transaction, open, grounds).forEach((granted, i) => {
    const recipient = open[i]
    if (recipient !== undefined) decided.set(recipient.index, granting(session, granted))
  })
  for (const recipient of through) {
    if (recipient.memory?.state === 'delivered')
      decided.set(recipient.index, {
        verdict: asDelivered(session, wants(session, recipient, grounds.judgement)),
        reason: reason('delivered before'),
      })
    // The backend has no such address: nobody can be lenient about that.
    else if (recipient.concealed !== undefined)
      decided.set(recipient.index, ofConcealed(recipient.concealed))
  }
  const anyway = anywayOf(transaction)
  for (const recipient of anyway)
    decided.set(recipient.index, granting(session, wants(session, recipient, grounds.judgement)))
  const granted = [...open, ...anyway].map(({ index }) => ({
    index,
    verdict: decided.get(index)?.verdict ?? 'defer',
  }))
  return { parcels: parcelsByResult(granted), decided }
}

/** What each of them gets where an answer may have to do for all. */
function grantOpen(
  session: Session,
  transaction: Transaction,
  open: readonly Recipient[],
  { judgement, report }: Grounds,
): readonly Decided[] {
  if (open.length === 0) return []
  const instead = transaction.peer.lenientAs
  const wanted = open.map((recipient) => wants(session, recipient, judgement))
  const shared = sharingOf(transaction, report)
  const granted = grant(
    [...wanted.map(({ verdict }) => verdict), ...othersOf(transaction)],
    shared.sharing,
    instead,
  )
  return wanted.map((own, i) => {
    const verdict = granted[i] ?? 'defer'
    const untold = report.kind === 'ready' && verdict === 'reject' && !isReportable(open[i])
    if (untold) return { verdict: instead, reason: overruled('not reported', own.reason) }
    return verdict === own.verdict || shared.sharing === 'each'
      ? own
      : { verdict, reason: overruled(shared.because, own.reason) }
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

const granting = ({ options }: Session, decided: Decided): Decided =>
  decided.verdict === 'quarantine' && options.quarantine === undefined
    ? { ...decided, verdict: 'tag' }
    : decided

/** What others want who share the answer without getting the text now. */
function othersOf(transaction: Transaction): readonly Verdict[] {
  const someoneHasIt = throughOf(transaction).some(({ memory }) => memory?.state === 'delivered')
  // Rule 2 keeps a refusal back as long as someone is deferred; a message that is let through has
  // to end all the same.
  const someoneIsLeft = transaction.unsplit !== undefined && anyoneDeferred(transaction)
  return someoneHasIt || someoneIsLeft ? ['accept'] : []
}

/** What everyone who went through wants of this text, or has already. */
export const wantedByAll = (
  session: Session,
  transaction: Transaction,
  judgement: Judgement,
): readonly Verdict[] =>
  throughOf(transaction).map((recipient) => {
    if (recipient.memory?.state === 'delivered') return 'accept'
    return recipient.concealed === undefined
      ? wants(session, recipient, judgement).verdict
      : ofConcealed(recipient.concealed).verdict
  })

function wants(session: Session, recipient: Recipient, judgement: Judgement): Decided {
  const { memory, policy } = recipient
  if (memory?.state === 'refused') return { verdict: 'reject', reason: refusedBefore(memory) }
  switch (judgement.kind) {
    case 'scored':
      return policy === undefined ? unjudged : decide(judgement.score, policy)
    case 'silent':
      return unjudged
    case 'failed':
      return { verdict: session.options.judgeFailure, reason: reason('judge failed') }
  }
}

const unjudged: Decided = { verdict: 'accept', reason: reason('not judged') }

/**
 * `judge: backend`: one transaction per group, so that the refusal of one group takes the message
 * from nobody else, also where all share an answer (decision 36). With `off` one for all, whose
 * reply is the verdict.
 */
function backendParcels(transaction: Transaction): readonly Parcel[] {
  const apart = transaction.prdr || servingOf(transaction) !== 'off'
  const taking = throughOf(transaction).filter(
    ({ concealed, memory }) =>
      concealed === undefined &&
      memory?.state !== 'delivered' &&
      !(apart && memory?.state === 'refused'),
  )
  const open = [...taking, ...anywayOf(transaction)]
  if (open.length === 0) return []
  return apart
    ? parcelsByGroup(open)
    : [{ result: 'plain', recipients: open.map((recipient) => recipient.index) }]
}
