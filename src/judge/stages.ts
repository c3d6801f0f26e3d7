/**
 * In which order judges are asked. Those of one stage are asked side by side about the same text;
 * one that changes texts ends its stage, and those behind it see what it has left.
 */
import type { Judge } from './judge.ts'

/** A judge with what the configuration says of it. */
export interface ConfiguredJudge {
  readonly judge: Judge
  /** For its judgement once it could have the whole text, in ms; absent: `timeouts.reply` alone. */
  readonly limitMs?: number
  readonly onFailure: 'accept' | 'tag' | 'defer'
}

export interface StageJudge extends ConfiguredJudge {
  /** The thresholds of policies are about its score. */
  readonly weighs: boolean
}

export type Stage = readonly StageJudge[]

/** Thresholds are about the first that scores. */
export function stagesOf(judges: readonly ConfiguredJudge[]): readonly Stage[] {
  const scorer = judges.find(({ judge }) => judge.scores)
  const stages: StageJudge[][] = []
  let open: StageJudge[] | undefined
  for (const configured of judges) {
    if (open === undefined) stages.push((open = []))
    open.push({ ...configured, weighs: configured === scorer })
    if (configured.judge.edits) open = undefined
  }
  return stages
}
