/** What one judge of a test has found, as the machine is told of it. */
import type { Finding, Findings, Judgement } from '../../src/verdict/judgement.ts'

export function found(judgement: Judgement, more: Partial<Finding> = {}): Findings {
  const finding: Finding = { judge: 'test', judgement, onFailure: 'accept', weighs: true, ...more }
  const edits = judgement.kind === 'judged' ? judgement.edits : undefined
  return { all: [finding], revision: edits === undefined ? [] : [[edits]] }
}
