/**
 * All judges of a message: stage after stage, each over the text as the one before has left it.
 * The usual message has judges that only look on; for it nothing is waited for.
 */
import type { Edits, Revision } from '../message/edits.ts'
import { revised } from '../message/revised-text.ts'
import { type Finding, type Findings, noFindings } from '../verdict/judgement.ts'
import type { JudgedEnvelope, Judges, MessageJudging, MessageToJudge } from './judge.ts'
import { recipientsLeft, StageRun } from './stage-run.ts'
import { type ConfiguredJudge, type Stage, stagesOf } from './stages.ts'

export interface ChainOptions {
  readonly judges: readonly ConfiguredJudge[]
  readonly now: () => number
}

export class JudgeChain implements Judges {
  readonly #stages: readonly Stage[]
  readonly #now: () => number

  constructor({ judges, now }: ChainOptions) {
    this.#stages = stagesOf(judges)
    this.#now = now
  }

  message(message: MessageToJudge): MessageJudging {
    return new ChainJudging(this.#stages, message, this.#now)
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
    return new StageRun(stage, { ...this.#message.envelope, recipients }, ({ of, judgement }) => {
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
      found = await run.allTold()
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

/** What a stage changes for everyone. */
function revisionOf(found: readonly Finding[]): Revision {
  const step: Edits[] = found.flatMap(({ judgement }) =>
    judgement.kind === 'judged' && judgement.edits !== undefined ? [judgement.edits] : [],
  )
  return step.length === 0 ? [] : [step]
}
