import type { FoundPolicy } from '../../src/policy/policy-source.ts'
import type { Policy } from '../../src/verdict/policy.ts'

/** The policies that the tests' files name. */
export const policies: ReadonlyMap<string, Policy> = new Map(
  [
    { name: 'strict', tagAt: 5, rejectAt: 8, neverDefer: false },
    { name: 'careful', tagAt: 6, rejectAt: 15, neverDefer: false },
    { name: 'tag-only', tagAt: 6, neverDefer: false },
  ].map((policy) => [policy.name, policy]),
)

/** For `resolved`, where nothing is told. */
export const resolving = {
  policies,
  defaultPolicy: policies.get('careful') ?? { name: 'careful', neverDefer: false },
  onFact: (): void => undefined,
  now: () => 1000,
}

export const found = (name: string): FoundPolicy => ({
  kind: 'found',
  policy: policies.get(name) ?? { name, neverDefer: false },
})
