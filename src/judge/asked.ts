/** One judge that is asked about one text: told once, by itself or by who waits no longer. */
import type { TextSource } from '../message/text-source.ts'
import type { Judgement } from '../verdict/judgement.ts'
import type { JudgedEnvelope, Judging, Onlooker, Reader } from './judge.ts'
import { lookOn } from './look-on.ts'
import type { StageJudge } from './stages.ts'

export class Asked {
  readonly of: StageJudge
  readonly #judging: Judging
  /** Of a reader alone: who looks on has nothing to end, and it costs microseconds a message. */
  #ended: AbortController | undefined
  /** Called with what is told, and with nothing where it is given up. */
  readonly #onTold: () => void
  #judgement: Judgement | undefined
  #isOver = false

  constructor(of: StageJudge, envelope: JudgedEnvelope, onTold: () => void) {
    this.of = of
    this.#onTold = onTold
    this.#judging = of.judge.message(envelope)
  }

  get onlooker(): Onlooker | undefined {
    return this.#judging.way === 'looks on' ? this.#judging : undefined
  }

  /** What it has told; undefined while it has not, and where it was given up. */
  get judgement(): Judgement | undefined {
    return this.#judgement
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** A reader begins, while the text still comes. */
  begin(text: TextSource): void {
    if (this.#judging.way === 'reads') void this.#read(this.#judging, text)
  }

  /** Whoever only looks on reads a text that has not passed by it. */
  readAll(text: TextSource): void {
    const judging = this.#judging
    void this.#read(
      judging.way === 'reads'
        ? judging
        : { way: 'reads', judge: async (all, signal) => await lookOn(judging, all, signal) },
      text,
    )
  }

  async #read(reader: Reader, text: TextSource): Promise<void> {
    try {
      this.tell(await reader.judge(text, (this.#ended = new AbortController()).signal))
    } catch (error) {
      this.fail(error instanceof Error ? error.message : String(error))
    }
  }

  tell(judgement: Judgement): void {
    if (this.#isOver) return
    this.#judgement = judgement
    this.#isOver = true
    this.#onTold()
  }

  fail(why: string): void {
    this.tell({ kind: 'failed', why })
    // Whoever keeps account of a filter that is slow can tell this from being given up.
    this.#ended?.abort(new Error(why))
  }

  /** Nobody wants to know any more. */
  giveUp(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#ended?.abort()
    this.#onTold()
  }
}
