/**
 * The last word about a recipient: whom no source knows has the default policy, and so has, where
 * `recipients.on_failure` says so, whom a source has failed for.
 */
import type { Policy } from '../verdict/policy.ts'
import type {
  Answer,
  FoundPolicy,
  OnFailure,
  Policies,
  PolicyAnswer,
  ResolvedSource,
} from './policy-source.ts'

export interface DefaultPolicyOptions {
  readonly defaultPolicy: Policy
  /** Of sources that have no choice of their own. */
  readonly onFailure: OnFailure
}

export function withDefaultPolicy(source: ResolvedSource, options: DefaultPolicyOptions): Policies {
  const decideAll = (answers: readonly Answer<FoundPolicy>[]): readonly PolicyAnswer[] =>
    answers.map((answer) => decided(answer, options))
  return {
    policiesFor(recipients, signal): ReturnType<Policies['policiesFor']> {
      const answers = source.policiesFor(recipients, signal)
      return answers instanceof Promise ? answers.then(decideAll) : decideAll(answers)
    },
  }
}

export function decided(
  answer: Answer<FoundPolicy>,
  { defaultPolicy, onFailure }: DefaultPolicyOptions,
): PolicyAnswer {
  if (answer.kind === 'unknown') return { kind: 'found', policy: defaultPolicy }
  return answer.kind === 'failed' && (answer.onFailure ?? onFailure) === 'default'
    ? { ...answer, instead: answer.soFar ?? defaultPolicy }
    : answer
}
