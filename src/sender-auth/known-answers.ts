/**
 * What the DNS has answered a moment ago, also that there is no such name: a sender's messages, and
 * each attempt of one, ask the same.
 */

export type Answer = string[] | string[][]

export interface KnownAnswersOptions {
  /** ms; 0: nothing is kept. */
  readonly keptMs: number
  /** Octets that all of it takes, about. */
  readonly mostOctets: number
  /** ms since the epoch. */
  readonly now: () => number
}

interface Known {
  readonly answer: Promise<Answer>
  until: number
}

/** There is no such name, or nothing of this type at it. */
const nothingThere: ReadonlySet<unknown> = new Set(['ENOTFOUND', 'ENODATA'])
/** A server that failed is asked again soon, and not by every message. */
const failureKeptMs = 5000
/** Of one entry beside its octets: objects and promises. */
const entryOctets = 400

export class KnownAnswers {
  readonly #options: KnownAnswersOptions
  /** The older half is forgotten when the younger one is full. */
  #young = new Map<string, Known>()
  #old = new Map<string, Known>()
  #youngOctets = 0

  constructor(options: KnownAnswersOptions) {
    this.#options = options
  }

  /** Also of a question that is under way. */
  of(question: string): Promise<Answer> | undefined {
    const known = this.#young.get(question) ?? this.#old.get(question)
    if (known === undefined) return undefined
    const left = known.until - this.#options.now()
    // Not longer than answers are kept, when the clock was set back meanwhile.
    return left > 0 && left <= this.#options.keptMs ? known.answer : undefined
  }

  /** To be told of each question that is put. */
  keep(question: string, answer: Promise<Answer>): void {
    const { keptMs, now } = this.#options
    if (keptMs === 0) return
    const known = { answer, until: now() + keptMs }
    this.#add(question, known, question.length + entryOctets)
    answer.then(
      (records) => this.#grow(question, known, octetsOf(records)),
      (error: unknown) => {
        if (nothingThere.has((error as NodeJS.ErrnoException).code)) return
        known.until = now() + Math.min(keptMs, failureKeptMs)
      },
    )
  }

  #add(question: string, known: Known, octets: number): void {
    if (this.#youngOctets + octets > this.#options.mostOctets / 2) {
      this.#old = this.#young
      this.#young = new Map()
      this.#youngOctets = 0
    }
    this.#young.set(question, known)
    this.#youngOctets += octets
  }

  /** What is as large as all that may be kept is not. */
  #grow(question: string, known: Known, octets: number): void {
    if (this.#young.get(question) !== known) return
    if (octets > this.#options.mostOctets / 2) this.#young.delete(question)
    else this.#add(question, known, octets)
  }
}

/** Two octets a character at most, and what stands around each text. */
const octetsOf = (records: Answer): number =>
  2 * JSON.stringify(records).length + (records.flat().length * entryOctets) / 4
