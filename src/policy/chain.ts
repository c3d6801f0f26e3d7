import type { PolicyAnswer, PolicySource } from './policy-source.ts'

const unknown: PolicyAnswer = { kind: 'unknown' }
const abandoned: PolicyAnswer = { kind: 'failed', why: 'nobody waits for the answer any more' }

interface Question {
  readonly recipient: string
  readonly signal: AbortSignal
}

/**
 * Several sources as one: they are asked in order, and the first that knows the recipient answers.
 * A source that fails ends the search, because what it would have said stands over the later ones.
 * So does a question that nobody waits for. No sources know nobody. Closing it closes them all.
 */
export function chainPolicySources(sources: readonly PolicySource[]): PolicySource {
  const askOn = async (
    pending: Promise<PolicyAnswer>,
    question: Question,
    next: number,
  ): Promise<PolicyAnswer> => {
    const answer = await pending
    if (answer.kind !== 'unknown') return answer
    return question.signal.aborted ? abandoned : await ask(question, next)
  }
  const ask = (question: Question, from: number): PolicyAnswer | Promise<PolicyAnswer> => {
    for (let i = from; i < sources.length; i++) {
      const answer = sources[i]?.policyFor(question.recipient, question.signal) ?? unknown
      if (answer instanceof Promise) return askOn(answer, question, i + 1)
      if (answer.kind !== 'unknown') return answer
    }
    return unknown
  }
  return {
    policyFor: (recipient, signal): PolicyAnswer | Promise<PolicyAnswer> =>
      ask({ recipient, signal }, 0),
    async close() {
      for (const source of sources) await source.close()
    },
  }
}
