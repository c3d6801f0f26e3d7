/**
 * A source with the policies themselves: what it has by name is looked up in the configuration,
 * what it has as values becomes a policy of its own.
 */
import type { Policy } from '../verdict/policy.ts'
import type {
  Answer,
  Answers,
  FoundPolicy,
  NamedPolicy,
  PolicySource,
  PolicyValues,
  ResolvedSource,
} from './policy-source.ts'
import { policyOf } from './policy-values.ts'

export interface Resolving {
  /** Those that the configuration has, by name. */
  readonly policies: ReadonlyMap<string, Policy>
  /** What a source says nothing of is as here. */
  readonly defaultPolicy: Policy
}

type Raw = Answer<NamedPolicy | PolicyValues>

export function resolved(
  source: PolicySource,
  { policies, defaultPolicy }: Resolving,
): ResolvedSource {
  const { name } = source
  const found = new Map(
    Array.from(policies, ([key, policy]): [string, FoundPolicy] => [
      key,
      { kind: 'found', policy },
    ]),
  )
  const resolve = (answer: Raw): Answer<FoundPolicy> => {
    switch (answer.kind) {
      case 'named':
        return found.get(answer.name) ?? failed(`there is no policy ${JSON.stringify(answer.name)}`)
      case 'values':
        return ownPolicy(answer)
      default:
        return answer
    }
  }
  const failed = (why: string): Answer<FoundPolicy> => ({ kind: 'failed', source: name, why })
  const ownPolicy = (values: PolicyValues): Answer<FoundPolicy> => {
    const made = policyOf(values, { name, others: defaultPolicy })
    return made.ok
      ? { kind: 'found', policy: made.value }
      : failed(made.mistakes.map(({ key, why }) => `${key}: ${why}`).join('; '))
  }
  const resolveAll = (answers: readonly Raw[]): readonly Answer<FoundPolicy>[] =>
    answers.map(resolve)
  return {
    name,
    policiesFor(recipients, signal): Answers<FoundPolicy> {
      const answers = source.policiesFor(recipients, signal)
      return answers instanceof Promise ? answers.then(resolveAll) : resolveAll(answers)
    },
    close: async () => await source.close(),
  }
}
