/** What one judge has said of a text, for log and metrics. */
import type { JudgeFact } from '../facts/judges.ts'
import type { JudgeTold } from '../judge/judge.ts'
import { known } from '../known.ts'
import { resultOf } from '../verdict/judgement.ts'

export const judgedFact = (
  transaction: string,
  { judge, judgement, ms }: JudgeTold,
  at: number,
): JudgeFact => ({
  kind: 'judged',
  at,
  transaction,
  judge,
  result: resultOf(judgement),
  ms,
  ...(judgement.kind === 'judged' ? {} : known({ why: judgement.why })),
})
