/**
 * Several sources as one: they are asked in order, and the first that knows a recipient answers.
 * Those behind it are asked only for whom is left, and for what an answer left open (a column that
 * is NULL). A source that fails ends the search, because what it would have said stands over the
 * later ones. So does a question that nobody waits for. No sources know nobody. Closing it closes
 * them all.
 */
import { allAbandoned } from './failed.ts'
import { filledFrom } from './filled.ts'
import type { Answer, Answers, FoundPolicy, ResolvedSource, Unknown } from './policy-source.ts'

const unknown: Unknown = { kind: 'unknown' }

type Found = Answer<FoundPolicy>

interface Question {
  readonly recipients: readonly string[]
  readonly signal: AbortSignal
}

export function chainPolicySources(sources: readonly ResolvedSource[]): ResolvedSource {
  const ask = (question: Question, from: number): Answers<FoundPolicy> => {
    const source = sources[from]
    if (source === undefined) return question.recipients.map(() => unknown)
    const answers = source.policiesFor(question.recipients, question.signal)
    return answers instanceof Promise
      ? askOn(answers, question, from)
      : askRest(answers, question, from)
  }
  const askOn = async (
    pending: Promise<readonly Found[]>,
    question: Question,
    from: number,
  ): Promise<readonly Found[]> => await askRest(await pending, question, from)

  /** The next one, for those whom this one does not know, or not in all. */
  const askRest = (
    answers: readonly Found[],
    { recipients, signal }: Question,
    from: number,
  ): Answers<FoundPolicy> => {
    const next = sources[from + 1]
    if (next === undefined) return answers
    const left = recipients.filter((_, i) => isLeft(answers[i]))
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
    policiesFor: (recipients, signal): Answers<FoundPolicy> => ask({ recipients, signal }, 0),
    async close() {
      for (const source of sources) await source.close()
    },
  }
}

const isLeft = (answer: Found | undefined): boolean =>
  answer?.kind === 'unknown' || (answer?.kind === 'found' && answer.open !== undefined)

/** Whoever was left has the answer of the rest, which has them in the same order. */
function filled(answers: readonly Found[], rest: readonly Found[]): readonly Found[] {
  let next = 0
  return answers.map((answer) => (isLeft(answer) ? both(answer, rest[next++] ?? unknown) : answer))
}

function both(first: Found, second: Found): Found {
  if (first.kind !== 'found' || second.kind === 'unknown')
    return first.kind === 'found' ? first : second
  return second.kind === 'found'
    ? filledFrom(first, second)
    : { ...second, soFar: second.soFar ?? first.policy }
}
