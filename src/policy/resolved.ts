/**
 * A source with the policies themselves: what it has by name is looked up in the configuration,
 * what it has as values becomes a policy of its own. What means no policy is told, and the
 * recipient has the default one.
 */
import type { FactListener } from '../facts/fact.ts'
import type { Policy } from '../verdict/policy.ts'
import type {
  Answer,
  Answers,
  FoundPolicy,
  OnFailure,
  PolicySource,
  PolicyValues,
  RawPolicy,
  ResolvedSource,
} from './policy-source.ts'
import { policyOf } from './policy-values.ts'
import { mistakesInWords, shown } from './shown.ts'

export interface Resolving {
  /** Those that the configuration has, by name. */
  readonly policies: ReadonlyMap<string, Policy>
  /** What a source says nothing of is as here. */
  readonly defaultPolicy: Policy
  /** Of this source; absent: as for all. */
  readonly onFailure?: OnFailure | undefined
  /** Gets policyWrong. */
  readonly onFact: FactListener
  /** ms since the epoch. */
  readonly now: () => number
}

export function resolved(source: PolicySource, resolving: Resolving): ResolvedSource {
  const { name } = source
  const policyOf = new PoliciesOfSource(name, resolving)
  const resolveAll = (
    recipients: readonly string[],
    answers: readonly Answer<RawPolicy>[],
  ): readonly Answer<FoundPolicy>[] =>
    answers.map((each, i) => policyOf.answer(each, recipients[i]))
  return {
    name,
    policiesFor(recipients, signal): Answers<FoundPolicy> {
      const answers = source.policiesFor(recipients, signal)
      return answers instanceof Promise
        ? answers.then((later) => resolveAll(recipients, later))
        : resolveAll(recipients, answers)
    },
    close: async () => await source.close(),
  }
}

/**
 * What a source says, for people: where it means no policy, that is what they are told. A name that
 * is unknown is wrong only here, where the names are.
 */
export function told(
  answer: Answer<RawPolicy>,
  of: Pick<Resolving, 'policies' | 'defaultPolicy'>,
): Answer<RawPolicy> {
  const mistakes: string[] = []
  const onFact: FactListener = (fact) => {
    if (fact.kind === 'policyWrong') mistakes.push(fact.why)
  }
  new PoliciesOfSource('', { ...of, onFact, now: () => 0 }).answer(answer, '')
  const [why] = mistakes
  return why === undefined ? answer : { kind: 'wrong', why }
}

/** Without what of it means no policy: values over a name that is unknown count. */
export function counting(
  answer: Answer<RawPolicy>,
  of: Pick<Resolving, 'policies' | 'defaultPolicy'>,
): Answer<RawPolicy> {
  if (answer.kind !== 'values') return told(answer, of)
  const { behind, ...own } = answer
  const said = told(own, of)
  if (behind === undefined || said.kind === 'wrong') return said
  const rest = counting(behind, of)
  return rest.kind === 'values' || rest.kind === 'named' ? { ...own, behind: rest } : own
}

class PoliciesOfSource {
  readonly #source: string
  readonly #resolving: Resolving
  readonly #named: ReadonlyMap<string, FoundPolicy>
  /** What is kept in a cache is worked out, and told where it is wrong, once. */
  readonly #known = new WeakMap<RawPolicy, FoundPolicy>()

  constructor(source: string, resolving: Resolving) {
    this.#source = source
    this.#resolving = resolving
    this.#named = new Map(
      Array.from(resolving.policies, ([key, policy]): [string, FoundPolicy] => [
        key,
        { kind: 'found', policy },
      ]),
    )
  }

  answer(raw: Answer<RawPolicy>, recipient: string | undefined): Answer<FoundPolicy> {
    if (raw.kind === 'unknown') return raw
    if (raw.kind === 'failed') {
      const { onFailure } = this.#resolving
      return onFailure === undefined ? raw : { ...raw, onFailure }
    }
    const known = this.#known.get(raw) ?? this.#found(raw, recipient ?? '')
    this.#known.set(raw, known)
    return known
  }

  #found(raw: RawPolicy, recipient: string): FoundPolicy {
    switch (raw.kind) {
      case 'named':
        return this.#named.get(raw.name) ?? this.#noPolicy(raw.name, recipient)
      case 'wrong':
        return this.#wrong(raw.why, recipient)
      case 'values':
        return this.#ownPolicy(raw, recipient)
    }
  }

  #ownPolicy(values: PolicyValues, recipient: string): FoundPolicy {
    const { defaultPolicy } = this.#resolving
    const { behind } = values
    const others = behind === undefined ? defaultPolicy : this.#found(behind, recipient).policy
    const made = policyOf(values, { name: this.#source, others })
    if (!made.ok) return this.#wrong(mistakesInWords(made.mistakes), recipient)
    const { open } = values
    return { kind: 'found', policy: made.value, ...(open !== undefined && { open }) }
  }

  #noPolicy(name: string, recipient: string): FoundPolicy {
    const names = [...this.#resolving.policies.keys()].slice(0, mostPoliciesNamed).join(', ')
    return this.#wrong(`there is no policy ${shown(name)}, expected one of ${names}`, recipient)
  }

  #wrong(why: string, recipient: string): FoundPolicy {
    const { defaultPolicy, now, onFact } = this.#resolving
    onFact({ kind: 'policyWrong', at: now(), source: this.#source, recipient, why })
    return { kind: 'found', policy: defaultPolicy }
  }
}

const mostPoliciesNamed = 20
