/**
 * All judges of a message: stage after stage, each over the text as the one before has left it.
 * The usual message has judges that only look on; for it nothing is waited for.
 */
import type { Edits, Revision } from '../message/edits.ts'
import { revised } from '../message/revised-text.ts'
import { type Finding, type Findings, noFindings } from '../verdict/judgement.ts'
import { AuthoredJudging } from './authored.ts'
import { Cleaned } from './cleaned.ts'
import type {
  JudgedEnvelope,
  JudgedRecipient,
  Judges,
  MessageJudging,
  MessageToJudge,
} from './judge.ts'
import { recipientsLeft, StageRun } from './stage-run.ts'
import { type ConfiguredJudge, type Stage, stagesOf } from './stages.ts'

export interface ChainOptions {
  readonly judges: readonly ConfiguredJudge[]
  /** Whether a client may send fields that only this site may write; absent: all may. */
  readonly mayWriteOurs?: (clientAddress: string) => boolean
  readonly now: () => number
}

export class JudgeChain implements Judges {
  readonly #stages: readonly Stage[]
  readonly #now: () => number
  readonly #mayWriteOurs: (clientAddress: string) => boolean

  constructor({ judges, now, mayWriteOurs = () => true }: ChainOptions) {
    this.#stages = stagesOf(judges)
    this.#now = now
    this.#mayWriteOurs = mayWriteOurs
  }

  message(message: MessageToJudge): MessageJudging {
    const judging = this.#judging(message)
    return message.envelope.wantsAuthor === true ? new AuthoredJudging(judging) : judging
  }

  #judging(message: MessageToJudge): MessageJudging {
    const { text, envelope } = message
    if (this.#mayWriteOurs(envelope.client.address))
      return new ChainJudging(this.#stages, message, this.#now)
    const cleaned = new Cleaned(text, envelope.hostname, message.onForeignRemoved)
    const judging = new ChainJudging(this.#stages, { ...message, text: cleaned }, this.#now)
    return new CleanedJudging(judging, cleaned)
  }
}

class ChainJudging implements MessageJudging {
  readonly #later: readonly Stage[]
  readonly #message: MessageToJudge
  readonly #now: () => number
  #run: StageRun | undefined
  /** When those who are asked now could have the whole text. */
  #askedAt: number | undefined
  #over = false

  constructor(stages: readonly Stage[], message: MessageToJudge, now: () => number) {
    const [first, ...later] = stages
    this.#later = later
    this.#message = message
    this.#now = now
    if (first === undefined) return
    this.#run = this.#runOf(first, message.envelope.recipients)
    this.#run.begin(message.text)
  }

  #runOf(stage: Stage, recipients: JudgedEnvelope['recipients']): StageRun {
    const { envelope } = this.#message
    const shown = recipients === envelope.recipients ? envelope : { ...envelope, recipients }
    return new StageRun(stage, shown, ({ of, judgement }) => {
      if (judgement === undefined) return
      const ms = this.#askedAt === undefined ? 0 : this.#now() - this.#askedAt
      this.#message.onJudged({ judge: of.judge.name, judgement, ms })
    })
  }

  push(chunk: Buffer): void {
    this.#run?.push(chunk)
  }

  settled(): Findings | undefined {
    if (this.#run === undefined) return noFindings
    if (this.#later.length > 0) return undefined
    const found = this.#run.settled()
    return found === undefined ? undefined : { all: found, revision: revisionOf(found) }
  }

  end(): Findings | Promise<Findings> {
    const run = this.#run
    if (run === undefined) return noFindings
    this.#askedAt = this.#now()
    run.end()
    if (!run.waitsForNobody || this.#later.length > 0) return this.#finish(run)
    const { findings } = run
    return { all: findings, revision: revisionOf(findings) }
  }

  async #finish(first: StageRun): Promise<Findings> {
    let found = await first.allTold()
    const all = [...found]
    let revision = revisionOf(found)
    let { recipients } = this.#message.envelope
    for (const stage of this.#later) {
      recipients = recipientsLeft(recipients, found)
      if (this.#over || recipients.length === 0) break
      const run = this.#runOf(stage, recipients)
      this.#run = run
      this.#askedAt = this.#now()
      run.readAll(revised(this.#message.text, revision))
      found = withoutOthers(await run.allTold(), recipients, this.#message.envelope)
      all.push(...found)
      revision = [...revision, ...revisionOf(found)]
    }
    return { all, revision }
  }

  abandon(why?: string): void {
    this.#over = true
    this.#run?.giveUp(why)
  }
}

/** Judges see the text without the fields that are removed, and so does who gets it. */
class CleanedJudging implements MessageJudging {
  readonly #judging: MessageJudging
  readonly #cleaned: Cleaned

  constructor(judging: MessageJudging, cleaned: Cleaned) {
    this.#judging = judging
    this.#cleaned = cleaned
  }

  /** Who only looks on sees the fields, too: who reads fields believes none of this client's. */
  push(chunk: Buffer): void {
    this.#cleaned.push(chunk)
    this.#judging.push(chunk)
  }

  settled(): Findings | undefined {
    const { revision } = this.#cleaned
    const found = revision === undefined ? undefined : this.#judging.settled()
    return revision === undefined || found === undefined ? undefined : behind(revision, found)
  }

  end(): Findings | Promise<Findings> {
    const revision = this.#cleaned.end()
    const found = this.#judging.end()
    return found instanceof Promise
      ? found.then((all) => behind(revision, all))
      : behind(revision, found)
  }

  abandon(why?: string): void {
    this.#judging.abandon(why)
  }
}

const behind = (cleaning: Revision, found: Findings): Findings =>
  cleaning.length === 0 ? found : { ...found, revision: [...cleaning, ...found.revision] }

/** What is found is not said of those whom a stage before has kept the text from. */
function withoutOthers(
  found: readonly Finding[],
  asked: readonly JudgedRecipient[],
  { recipients }: JudgedEnvelope,
): readonly Finding[] {
  if (asked.length === recipients.length) return found
  const about = new Set(asked.map(({ index }) => index))
  const notAbout = new Set(
    recipients.map(({ index }) => index).filter((index) => !about.has(index)),
  )
  return found.map((finding) => ({ ...finding, notAbout }))
}

/** What a stage changes for everyone. */
function revisionOf(found: readonly Finding[]): Revision {
  const step: Edits[] = []
  for (const { judgement } of found)
    if (judgement.kind === 'judged' && judgement.edits !== undefined) step.push(judgement.edits)
  return step.length === 0 ? [] : [step]
}
