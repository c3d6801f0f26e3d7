/**
 * What is asked of the policies' source for one transaction: no question outlives its time limit or
 * the transaction.
 */
import type { PolicyAnswer, PolicySource } from '../policy/policy-source.ts'

const tooLate: PolicyAnswer = { kind: 'failed', why: 'no answer in time (timeouts.policy)' }

export class PolicyLookUps {
  readonly #source: Pick<PolicySource, 'policyFor'>
  readonly #limitMs: number
  /** Gives up one question each. */
  readonly #open = new Set<() => void>()

  constructor(source: Pick<PolicySource, 'policyFor'>, limitMs: number) {
    this.#source = source
    this.#limitMs = limitMs
  }

  ask(recipient: string): PolicyAnswer | Promise<PolicyAnswer> {
    const asked = new AbortController()
    const answer = this.#source.policyFor(recipient, asked.signal)
    return answer instanceof Promise ? this.#inTime(answer, asked) : answer
  }

  async #inTime(answer: Promise<PolicyAnswer>, asked: AbortController): Promise<PolicyAnswer> {
    const late = Promise.withResolvers<PolicyAnswer>()
    const giveUp = (): void => {
      asked.abort()
      late.resolve(tooLate)
    }
    const timer = setTimeout(giveUp, this.#limitMs)
    this.#open.add(giveUp)
    try {
      return await Promise.race([answer, late.promise])
    } finally {
      clearTimeout(timer)
      this.#open.delete(giveUp)
    }
  }

  /** Nobody waits for an answer any more. */
  abandon(): void {
    for (const giveUp of this.#open) giveUp()
  }
}
