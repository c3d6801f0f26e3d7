/**
 * What would become of a message, and why, without delivering it: recipients and judges are asked
 * as for mail, and the machine that serves clients is played with (src/rehearsal). Nothing is
 * written, counted or learned.
 */
import type { Config } from '../../config/config.ts'
import type { RecipientFact } from '../../facts/transaction.ts'
import type { JudgedEnvelope } from '../../judge/judge.ts'
import { attempt } from '../../rehearsal/attempt.ts'
import { type Course, playCourse } from '../../rehearsal/course.ts'
import { OpenSplits } from '../../rehearsal/open-splits.ts'
import { RehearsedSession } from '../../rehearsal/rehearsed-session.ts'
import type { Letter, World } from '../../rehearsal/world.ts'
import type { ServedAs } from '../../session/oracle.ts'
import type { Path } from '../../smtp/path.ts'
import type { ConfigurableStrategy } from '../../strategy/names.ts'
import { known } from '../../known.ts'
import { noFindings } from '../../verdict/judgement.ts'
import { type RecipientReport, reportOn } from '../recipient-report.ts'
import { randomIds } from '../random-ids.ts'
import { sessionOptions } from '../session.ts'
import { type Asked, askJudges, nobodyAsked } from './ask-judges.ts'
import { assumedExtensions } from './assumed-backend.ts'
import { findingsFor } from './findings-for.ts'
import type { MessageText } from './message-text.ts'
import { directoryOf, peerOf, type RunningServe } from './peer.ts'
import { senderAnswers } from './sender-answers.ts'

export interface Question {
  readonly sender: Path
  readonly recipients: readonly Path[]
  /** `given`: not a stranger in place of one. */
  readonly client: { readonly address: string; readonly rdns?: string; readonly given: boolean }
  readonly helo: string
  readonly text: MessageText
  /** For a client without PRDR, besides the one that it would get. */
  readonly strategies: readonly ConfigurableStrategy[]
  /** Absent: nobody has told. */
  readonly serve?: RunningServe
}

export interface Explanation {
  /** What the ids begin with that judges were told. */
  readonly id: string
  readonly peer: ServedAs
  readonly recipients: readonly RecipientReport[]
  /** Absent: nobody goes through, so that no judge is asked. */
  readonly envelope?: JudgedEnvelope
  readonly judges: Asked
  /** What each recipient's own policy comes to: as a client with PRDR is answered. */
  readonly verdicts: readonly RecipientFact[]
  readonly prdr: Course
  readonly legacy: readonly LegacyCourse[]
}

export interface LegacyCourse {
  /** Absent: as the client would be served. */
  readonly strategy?: ConfigurableStrategy
  readonly servedAs: ServedAs
  readonly course: Course
}

/** Rejects where a source or a judge can't be opened. */
export async function explain(config: Config, question: Question): Promise<Explanation> {
  const { sender, recipients, text } = question
  const { address, rdns } = question.client
  const addresses = [...new Set(recipients.map(({ address }) => address))]
  const reports = await reportOn({ addresses, sender: sender.address }, config)
  const answers = new Map(reports.map(({ address, answer }) => [address, answer]))
  const letter = letterOf(question)
  const id = `explain-${randomIds()()}`
  const served = peerOf(directoryOf(config, question), question)
  const blank: World = {
    // What `observe` would have done is the question.
    session: sessionOptions({ ...config, mode: 'enforce' }, false),
    client: { address, ...known({ rdns }), port: 0 },
    extensions: assumedExtensions,
    startsAt: Date.now(),
    id,
    serve: (peer) => directoryOf(config, question).serve(peer),
    policyOf: (address) =>
      answers.get(address) ?? { kind: 'failed', source: 'recipients', why: 'no answer' },
    findingsFor: () => noFindings,
    ...senderAnswers(config, question),
  }
  const envelope = await envelopeFor(blank, letter)
  const judges =
    envelope === undefined || text.fault !== undefined
      ? nobodyAsked(config)
      : await askJudges(config, envelope, text)
  const world: World = {
    ...blank,
    findingsFor: (of) =>
      envelope === undefined ? noFindings : findingsFor(judges.findings, envelope, of),
  }
  const prdr = await playCourse('prdr', world, letter)
  const legacy: LegacyCourse[] = [
    { servedAs: served, course: await playCourse('legacy', world, letter) },
  ]
  for (const strategy of question.strategies) {
    const directory = directoryOf(config, question, strategy)
    const course = await playCourse(
      'legacy',
      { ...world, serve: (peer) => directory.serve(peer) },
      letter,
    )
    legacy.push({ strategy, servedAs: peerOf(directory, question), course })
  }
  return {
    id,
    peer: served,
    recipients: reports,
    ...(envelope !== undefined && { envelope }),
    judges,
    verdicts: prdr.attempts[0]?.ended?.recipients ?? [],
    prdr,
    legacy,
  }
}

function letterOf({ sender, recipients, helo, text }: Question): Letter {
  const { sizeBytes, fault, identity } = text
  return {
    helo,
    sender: sender.mailbox,
    recipients: [...new Set(recipients.map(({ mailbox }) => mailbox))],
    international: [sender, ...recipients].some((path) => path.international),
    sizeBytes,
    ...(fault !== undefined && { fault }),
    ...(identity !== undefined && { identity }),
  }
}

/** Of everyone who may get the text: as with a client that needs no split. */
async function envelopeFor(world: World, letter: Letter): Promise<JudgedEnvelope | undefined> {
  const session = new RehearsedSession(world, {
    id: world.id,
    at: world.startsAt,
    splits: new OpenSplits(),
  })
  await attempt('prdr', session, letter)
  return session.judged
}
