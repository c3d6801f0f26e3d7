import type { PolicyAnswer, PolicySource } from './policy-source.ts'

const unknown: PolicyAnswer = { kind: 'unknown' }

/**
 * Several sources as one: they are asked in order, and the first that knows the recipient answers. A source that fails
 * ends the search, because what it would have said stands over the later ones. No sources know nobody. Closing it
 * closes them all.
 */
export function chainPolicySources(sources: readonly PolicySource[]): PolicySource {
  const askOn = async (pending: Promise<PolicyAnswer>, recipient: string, next: number): Promise<PolicyAnswer> => {
    const answer = await pending
    return answer.kind === 'unknown' ? await ask(recipient, next) : answer
  }
  const ask = (recipient: string, from: number): PolicyAnswer | Promise<PolicyAnswer> => {
    for (let i = from; i < sources.length; i++) {
      const answer = sources[i]?.policyFor(recipient) ?? unknown
      if (answer instanceof Promise) return askOn(answer, recipient, i + 1)
      if (answer.kind !== 'unknown') return answer
    }
    return unknown
  }
  return {
    policyFor: (recipient): PolicyAnswer | Promise<PolicyAnswer> => ask(recipient, 0),
    async close() {
      for (const source of sources) await source.close()
    },
  }
}
