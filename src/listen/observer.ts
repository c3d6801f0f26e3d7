/**
 * `mode: observe`: finds out behind the answer what each recipient would have been told. The mail
 * waits for nothing of this. So many texts are kept for it at a time, each for so long, and none
 * where texts take much of their room: the next message needs it more.
 */
import type { NotObservedFact } from '../facts/observed.ts'
import type { FactListener } from '../facts/fact.ts'
import type { JudgedEnvelope, Judges, MessageJudging } from '../judge/judge.ts'
import type { TextSource } from '../message/text-source.ts'
import type { Policies, PolicyAnswer } from '../policy/policy-source.ts'
import type { ObservedMessage } from '../session/observed-message.ts'
import { judgedAnew, wouldBe } from '../session/would-be.ts'
import type { Findings } from '../verdict/judgement.ts'
import { known } from '../known.ts'
import { judgedFact } from './judged-fact.ts'
import type { SpoolBudget } from './spool-budget.ts'

export interface ObserverParts {
  readonly judges: Judges
  readonly policies: Policies
  readonly budget: Pick<SpoolBudget, 'hasRoomToSpare'>
  /** Texts that are judged at a time. */
  readonly most: number
  /** For one, in ms. */
  readonly limitMs: number
  readonly onFact: FactListener
  /** ms since the epoch. */
  readonly now: () => number
}

/** The text of a message that was passed on, with what judges are told of it. */
export interface PassedOn {
  readonly message: ObservedMessage
  readonly envelope: JudgedEnvelope
  readonly text: TextSource & { close(): void }
}

type WhyNot = NotObservedFact['why']

export class Observer {
  readonly #parts: ObserverParts
  readonly #underWay = new Set<Observation>()
  readonly #idle: (() => void)[] = []

  constructor(parts: ObserverParts) {
    this.#parts = parts
  }

  /** Takes the text, and closes it when nobody reads it any more. */
  observe(passedOn: PassedOn): void {
    const { most, budget } = this.#parts
    const observation = new Observation(this.#parts, passedOn)
    if (this.#underWay.size >= most) return observation.end('crowded')
    if (!budget.hasRoomToSpare) return observation.end('no room')
    this.#underWay.add(observation)
    void observation.run().then(() => {
      this.#underWay.delete(observation)
      if (this.#underWay.size === 0) for (const tell of this.#idle.splice(0)) tell()
    })
  }

  /** When nothing is under way. */
  async whenIdle(): Promise<void> {
    if (this.#underWay.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  /** Nobody wants to know any more. */
  async abandon(): Promise<void> {
    for (const observation of this.#underWay) observation.end('ended')
    await this.whenIdle()
  }
}

/** What judges do not see here went to the server behind all the same. */
const nothingRemoved = (): void => undefined

class Observation {
  readonly #parts: ObserverParts
  readonly #passedOn: PassedOn
  readonly #answeredAt: number
  readonly #stop = new AbortController()
  #judging: MessageJudging | undefined
  #over = false

  constructor(parts: ObserverParts, passedOn: PassedOn) {
    this.#parts = parts
    this.#passedOn = passedOn
    this.#answeredAt = parts.now()
  }

  /** Resolves when all is let go. */
  async run(): Promise<void> {
    const deadline = setTimeout(() => this.end('too slow'), this.#parts.limitMs)
    const stopped = new Promise<void>((resolve) => {
      this.#stop.signal.addEventListener('abort', () => resolve(), { once: true })
    })
    await Promise.race([stopped, this.#find().catch(() => this.end('lost'))])
    clearTimeout(deadline)
    this.#letGo()
  }

  async #find(): Promise<void> {
    const { policies, now, onFact } = this.#parts
    const { message } = this.#passedOn
    const answers = await policies.policiesFor(
      message.recipients.map(({ address }) => address),
      this.#stop.signal,
    )
    if (this.#isOver()) return
    this.#noteFailures(answers)
    const findings = await this.#judge(answers)
    if (this.#isOver()) return
    onFact({
      kind: 'messageObserved',
      at: now(),
      transaction: message.id,
      peer: message.peer.name,
      ...wouldBe(message, { findings, policies: answers }),
      ...known({ messageId: message.messageId }),
      ms: now() - this.#answeredAt,
    })
  }

  async #judge(answers: readonly PolicyAnswer[]): Promise<Findings> {
    const { judges, now, onFact } = this.#parts
    const { text, message, envelope } = this.#passedOn
    const judging = judges.message({
      envelope: judgedAnew(envelope, message, answers),
      text,
      onForeignRemoved: nothingRemoved,
      onJudged: (told) => onFact(judgedFact(message.id, told, now())),
    })
    this.#judging = judging
    for await (const chunk of text.chunks()) {
      if (this.#isOver()) break
      judging.push(chunk)
    }
    return await judging.end()
  }

  /** Asked anew after each wait. */
  #isOver(): boolean {
    return this.#over
  }

  #noteFailures(answers: readonly PolicyAnswer[]): void {
    const { now, onFact } = this.#parts
    const { message } = this.#passedOn
    for (const [i, answer] of answers.entries()) {
      const recipient = message.recipients[i]
      if (answer.kind !== 'failed' || recipient === undefined) continue
      const { source, why } = answer
      const { key } = recipient
      const told = { transaction: message.id, recipient: key, source, why }
      onFact({ kind: 'policyFailed', at: now(), ...told })
    }
  }

  /** Before anything is found. */
  end(why: WhyNot): void {
    if (this.#over) return
    const { now, onFact } = this.#parts
    const { id: transaction, peer, messageId } = this.#passedOn.message
    onFact({
      kind: 'messageNotObserved',
      at: now(),
      transaction,
      peer: peer.name,
      ...known({ messageId }),
      why,
    })
    this.#letGo()
  }

  #letGo(): void {
    if (this.#over) return
    this.#over = true
    this.#stop.abort()
    this.#judging?.abandon()
    this.#passedOn.text.close()
  }
}
