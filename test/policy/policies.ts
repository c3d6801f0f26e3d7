import type { Policy } from '../../src/verdict/policy.ts'

/** The policies that the tests' files name. */
export const policies: ReadonlyMap<string, Policy> = new Map(
  [
    { name: 'strict', tagAt: 5, rejectAt: 8, neverDefer: false },
    { name: 'careful', tagAt: 6, rejectAt: 15, neverDefer: false },
    { name: 'tag-only', tagAt: 6, neverDefer: false },
  ].map((policy) => [policy.name, policy]),
)
