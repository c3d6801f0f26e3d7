/** A source of policies that answers as a test tells it to. */
import type {
  Answer,
  Answers,
  NamedPolicy,
  RawPolicy,
  Source,
} from '../../src/policy/policy-source.ts'

export type Scripted = Answer<RawPolicy>

/**
 * When it answers: `later` in another turn; `never`: not before nobody waits for it. A function
 * decides it for each question.
 */
export type Pace = 'at once' | 'later' | 'never'

export interface Asked {
  readonly recipients: readonly string[]
  readonly signal: AbortSignal
}

export const named = (name: string): NamedPolicy => ({ kind: 'named', name })

export class ScriptedSource<Found = RawPolicy> implements Source<Found> {
  readonly name: string
  readonly asked: Asked[] = []
  closed = 0
  readonly #answers: ReadonlyMap<string, Answer<Found>>
  readonly #pace: (recipients: readonly string[]) => Pace
  /** Of questions that wait. */
  readonly #ends = new Set<() => void>()

  /** By address; nobody else is known. */
  constructor(
    answers: Readonly<Record<string, Answer<Found>>> = {},
    pace: Pace | ((recipients: readonly string[]) => Pace) = 'at once',
    name = 'scripted',
  ) {
    this.name = name
    this.#answers = new Map(Object.entries(answers))
    this.#pace = typeof pace === 'function' ? pace : (): Pace => pace
  }

  policiesFor(recipients: readonly string[], signal: AbortSignal): Answers<Found> {
    this.asked.push({ recipients, signal })
    const pace = this.#pace(recipients)
    const answers = recipients.map(
      (each) => this.#answers.get(each) ?? ({ kind: 'unknown' } as const),
    )
    return pace === 'at once' ? answers : this.#later(answers, signal, pace)
  }

  async #later(
    answers: readonly Answer<Found>[],
    signal: AbortSignal,
    pace: 'later' | 'never',
  ): Promise<readonly Answer<Found>[]> {
    const ended = Promise.withResolvers<undefined>()
    const end = (): void => ended.resolve(undefined)
    if (pace === 'later') setImmediate(end)
    if (signal.aborted) end()
    signal.addEventListener('abort', end)
    this.#ends.add(end)
    await ended.promise
    signal.removeEventListener('abort', end)
    this.#ends.delete(end)
    return answers
  }

  async close(): Promise<void> {
    this.closed++
    for (const end of this.#ends) end()
    await Promise.resolve()
  }
}
