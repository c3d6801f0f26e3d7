/**
 * A source whose questions have an end: none outlives its time limit or who waits for it, and one
 * that throws, or does not answer for everybody, has failed.
 */
import { allAbandoned, allFailed } from './failed.ts'
import type { Answer, Answers, Failed, Source } from './policy-source.ts'

interface Question<Found> {
  readonly recipients: readonly string[]
  readonly signal: AbortSignal
  /** Ends the question at the source. */
  readonly asked: AbortController
  readonly answers: Promise<readonly Answer<Found>[]>
}

export function inTime<Found>(source: Source<Found>, limitMs: number): Source<Found> {
  const { name } = source
  const ask = (recipients: readonly string[], signal: AbortSignal): Answers<Found> => {
    if (signal.aborted) return allAbandoned(recipients, name)
    const asked = new AbortController()
    try {
      const answers = source.policiesFor(recipients, asked.signal)
      return answers instanceof Promise
        ? wait({ recipients, signal, asked, answers })
        : whole(answers, recipients)
    } catch (error) {
      return allFailed(recipients, name, String(error))
    }
  }
  const wait = async (question: Question<Found>): Promise<readonly Answer<Found>[]> => {
    const { recipients, signal, asked, answers } = question
    const { promise: given, resolve: give } = Promise.withResolvers<readonly Failed[]>()
    const giveUp = (instead: readonly Failed[]): void => {
      give(instead)
      asked.abort()
    }
    const onAbort = (): void => giveUp(allAbandoned(recipients, name))
    const onTime = (): void =>
      giveUp(allFailed(recipients, name, 'no answer in time (timeouts.policy)'))
    const timer = setTimeout(onTime, limitMs)
    signal.addEventListener('abort', onAbort)
    try {
      return whole(await Promise.race([answers, given]), recipients)
    } catch (error) {
      return allFailed(recipients, name, String(error))
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
  }
  const whole = (
    answers: readonly Answer<Found>[],
    recipients: readonly string[],
  ): readonly Answer<Found>[] =>
    answers.length === recipients.length
      ? answers
      : allFailed(recipients, name, `${answers.length} answers for ${recipients.length} recipients`)
  return { name, policiesFor: ask, close: async () => await source.close() }
}
