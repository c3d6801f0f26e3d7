/** How long a judge has taken. */
import type { Asked } from '../../app/explain/ask-judges.ts'
import type { Finding } from '../../verdict/judgement.ts'

/** From the end of the text on; undefined where it was not told. */
export function secondsOf({ judgement }: Finding, { told }: Asked): number | undefined {
  const ms = told.find((one) => one.judgement === judgement)?.ms
  return ms === undefined ? undefined : Math.round(ms) / 1000
}
