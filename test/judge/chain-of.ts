/** A chain of judges for a test. */
import { JudgeChain } from '../../src/judge/chain.ts'
import type { Judge } from '../../src/judge/judge.ts'

export const chainOf = (...judges: readonly Judge[]): JudgeChain =>
  new JudgeChain({
    judges: judges.map((judge) => ({ judge, onFailure: 'accept' })),
    now: () => Date.now(),
  })
