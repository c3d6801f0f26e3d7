import { expect, test } from 'vitest'
import type { Fact } from '../../src/facts/fact.ts'
import { timed } from '../../src/policy/timed.ts'
import { type Pace, ScriptedSource } from '../support/scripted-source.ts'
import { breakable, nameOfRaw } from './breakable.ts'
import { describePolicySource } from './source.contract.ts'

test.each<Pace>(['at once', 'later'])(
  'a question is told once, with its source and time, when it is answered %s',
  async (pace) => {
    const facts: Fact[] = []
    const onFact = (fact: Fact): unknown => facts.push(fact)
    const source = timed(new ScriptedSource({}, pace), { onFact, now: () => 1000 })
    const answers = source.policiesFor(['a', 'b', 'a'], new AbortController().signal)
    expect(facts).toHaveLength(pace === 'at once' ? 1 : 0)
    await answers
    expect(facts).toEqual([
      {
        kind: 'policiesAsked',
        at: 1000,
        source: 'scripted',
        recipients: 3,
        ms: expect.any(Number) as number,
      },
    ])
  },
)

describePolicySource('a timed source', {
  open: (entries) =>
    breakable(entries, 'later', (one) => timed(one, { onFact: () => undefined, now: () => 1000 })),
  nameOf: nameOfRaw,
})
