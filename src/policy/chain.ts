/**
 * Several sources as one: they are asked in order, and the first that knows a recipient answers.
 * Those behind it are asked only for whom is left. A source that fails ends the search, because
 * what it would have said stands over the later ones. So does a question that nobody waits for. No
 * sources know nobody. Closing it closes them all.
 */
import { allAbandoned } from './failed.ts'
import type { Answer, Answers, Source, Unknown } from './policy-source.ts'

const unknown: Unknown = { kind: 'unknown' }

interface Question {
  readonly recipients: readonly string[]
  readonly signal: AbortSignal
}

export function chainPolicySources<Found extends { readonly kind: string }>(
  sources: readonly Source<Found>[],
): Source<Found> {
  const ask = (question: Question, from: number): Answers<Found> => {
    const source = sources[from]
    if (source === undefined) return question.recipients.map(() => unknown)
    const answers = source.policiesFor(question.recipients, question.signal)
    return answers instanceof Promise
      ? askOn(answers, question, from)
      : askRest(answers, question, from)
  }
  const askOn = async (
    pending: Promise<readonly Answer<Found>[]>,
    question: Question,
    from: number,
  ): Promise<readonly Answer<Found>[]> => await askRest(await pending, question, from)

  /** The next one, for those whom this one does not know. */
  const askRest = (
    answers: readonly Answer<Found>[],
    { recipients, signal }: Question,
    from: number,
  ): Answers<Found> => {
    const next = sources[from + 1]
    if (next === undefined) return answers
    const left = recipients.filter((_, i) => answers[i]?.kind === 'unknown')
    if (left.length === 0) return answers
    const rest = signal.aborted
      ? allAbandoned(left, next.name)
      : ask({ recipients: left, signal }, from + 1)
    return rest instanceof Promise
      ? rest.then((later) => filled(answers, later))
      : filled(answers, rest)
  }
  return {
    name: sources.map(({ name }) => name).join(', '),
    policiesFor: (recipients, signal): Answers<Found> => ask({ recipients, signal }, 0),
    async close() {
      for (const source of sources) await source.close()
    },
  }
}

/** Who was unknown has the answer of the rest, which has them in the same order. */
function filled<Found extends { readonly kind: string }>(
  answers: readonly Answer<Found>[],
  rest: readonly Answer<Found>[],
): readonly Answer<Found>[] {
  let next = 0
  return answers.map((answer) => (answer.kind === 'unknown' ? (rest[next++] ?? unknown) : answer))
}
