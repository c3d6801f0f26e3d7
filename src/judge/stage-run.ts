/** The judges of one stage, side by side over one text. */
import type { TextSource } from '../message/text-source.ts'
import type { Finding, Judgement } from '../verdict/judgement.ts'
import { Asked } from './asked.ts'
import type { JudgedEnvelope, JudgedRecipient } from './judge.ts'
import type { Stage } from './stages.ts'

type Forced = NonNullable<Extract<Judgement, { kind: 'judged' }>['opinion']>['verdict']

/** What it forces for everybody; undefined where somebody gets the text all the same. */
function forcedFor(judgement: Judgement, { recipients }: JudgedEnvelope): Forced | undefined {
  if (judgement.kind !== 'judged' || judgement.opinion === undefined) return undefined
  const { verdict } = judgement.opinion
  return recipients.some(({ despite }) => despite?.includes(verdict) === true) ? undefined : verdict
}

/** Nothing can be stricter: the others need not go on. */
const endsOthers = (judgement: Judgement, envelope: JudgedEnvelope): boolean =>
  forcedFor(judgement, envelope) === 'reject'

/**
 * Who may get the text still; whoever comes later is told of nobody else, and where nobody is left
 * need not see it.
 */
export const recipientsLeft = (
  recipients: readonly JudgedRecipient[],
  found: readonly Finding[],
): readonly JudgedRecipient[] =>
  recipients.filter((recipient) => !found.some(({ judgement }) => keptFrom(judgement, recipient)))

function keptFrom(judgement: Judgement, { index, despite }: JudgedRecipient): boolean {
  if (judgement.kind !== 'judged') return false
  const { verdict } = judgement.own?.get(index)?.opinion ?? judgement.opinion ?? {}
  return (
    verdict !== undefined &&
    ['reject', 'defer', 'discard'].includes(verdict) &&
    despite?.includes(verdict) !== true
  )
}

export class StageRun {
  readonly #asked: readonly Asked[]
  readonly #envelope: JudgedEnvelope
  readonly #onJudged: (asked: Asked) => void
  /** Once somebody waits for it. */
  #allTold: PromiseWithResolvers<undefined> | undefined
  readonly #timers: NodeJS.Timeout[] = []

  constructor(stage: Stage, envelope: JudgedEnvelope, onJudged: (asked: Asked) => void) {
    this.#envelope = envelope
    this.#onJudged = onJudged
    this.#asked = stage.map((of) => {
      const asked: Asked = new Asked(of, envelope, () => this.#told(asked))
      return asked
    })
  }

  /** All look on: what they find is known with the last octet, and nobody is waited for. */
  get waitsForNobody(): boolean {
    return this.#asked.every(({ onlooker }) => onlooker !== undefined)
  }

  /** The text comes in, and is there to be read while it does. */
  begin(text: TextSource): void {
    for (const asked of this.#asked) asked.begin(text)
  }

  push(chunk: Buffer): void {
    for (const { onlooker } of this.#asked) onlooker?.push(chunk)
  }

  /** What all have found already, though the text goes on. */
  settled(): readonly Finding[] | undefined {
    const found: Finding[] = []
    for (const { of, onlooker } of this.#asked) {
      const judgement = onlooker?.settled()
      if (judgement === undefined) return undefined
      found.push(findingOf(of, judgement))
    }
    return found
  }

  /** The text has passed by; each has its time from here on. */
  end(): void {
    for (const asked of this.#asked) {
      if (asked.onlooker === undefined) this.#limit(asked)
      else asked.tell(asked.onlooker.end())
    }
    this.#resolveIfTold()
  }

  /** The same for a text that has not passed by. */
  readAll(text: TextSource): void {
    for (const asked of this.#asked) {
      asked.readAll(text)
      this.#limit(asked)
    }
    this.#resolveIfTold()
  }

  #limit(asked: Asked): void {
    const { limitMs } = asked.of
    if (limitMs === undefined || asked.isOver) return
    this.#timers.push(setTimeout(() => asked.fail(`no answer in ${limitMs} ms`), limitMs))
  }

  #told(asked: Asked): void {
    const { judgement } = asked
    if (judgement !== undefined) this.#onJudged(asked)
    if (judgement !== undefined && endsOthers(judgement, this.#envelope)) this.giveUp()
    this.#resolveIfTold()
  }

  #resolveIfTold(): void {
    if (!this.#areOver) return
    for (const timer of this.#timers) clearTimeout(timer)
    this.#allTold?.resolve(undefined)
  }

  get #areOver(): boolean {
    return this.#asked.every(({ isOver }) => isOver)
  }

  /** What those have found who have told it, in their order. */
  get findings(): readonly Finding[] {
    const found: Finding[] = []
    for (const { of, judgement } of this.#asked)
      if (judgement !== undefined) found.push(findingOf(of, judgement))
    return found
  }

  /** Resolves when nobody is waited for any more. */
  async allTold(): Promise<readonly Finding[]> {
    if (!this.#areOver) await (this.#allTold ??= Promise.withResolvers<undefined>()).promise
    return this.findings
  }

  /** Who has not told yet is not waited for; `why`: that is a failure of theirs. */
  giveUp(why?: string): void {
    for (const asked of this.#asked)
      if (asked.isOver) continue
      else if (why === undefined) asked.giveUp()
      else asked.fail(why)
  }
}

const findingOf = ({ judge, onFailure, weighs }: Asked['of'], judgement: Judgement): Finding => ({
  judge: judge.name,
  judgement,
  onFailure,
  weighs,
})
