/** Asks the configured judges about one message, once, and keeps what each has found. */
import type { Config } from '../../config/config.ts'
import { JudgeChain } from '../../judge/chain.ts'
import type { JudgedEnvelope, JudgeTold } from '../../judge/judge.ts'
import type { TextSource } from '../../message/text-source.ts'
import { type Findings, noFindings } from '../../verdict/judgement.ts'
import { judgeAsked, judgeName, judgeSettings, openJudge } from '../judge.ts'
import { mayWriteOurs } from '../session.ts'

export interface Asked {
  readonly findings: Findings
  readonly told: readonly JudgeTold[]
  /** Names of fields that the client may not write: nobody sees them. */
  readonly removed: readonly string[]
  /** Names of those who were not asked, or were not waited for: one before them has decided. */
  readonly left: readonly string[]
}

export const nobodyAsked = ({ judges }: Config): Asked => ({
  findings: noFindings,
  told: [],
  removed: [],
  left: judges.map(judgeName),
})

/** @throws Error when the file of a password or token can't be read */
export async function askJudges(
  config: Config,
  envelope: JudgedEnvelope,
  text: TextSource,
): Promise<Asked> {
  await using closing = new AsyncDisposableStack()
  const judges = config.judges.map((judge) => {
    const opened = openJudge(judgeSettings(judge), { onFact: nothing, now: Date.now })
    return judgeAsked(
      closing.adopt(opened, async (one) => await one.close()),
      judge,
    )
  })
  const now = performance.now.bind(performance)
  const chain = new JudgeChain({ judges, now, mayWriteOurs: mayWriteOurs(config) })
  const told: JudgeTold[] = []
  const removed: string[] = []
  const judging = chain.message({
    envelope,
    text,
    onJudged: (one) => told.push(one),
    onForeignRemoved: (names) => removed.push(...names),
  })
  for await (const chunk of text.chunks()) judging.push(chunk)
  const findings = await judging.end()
  const names = told.map(({ judge }) => judge)
  return {
    findings,
    told,
    removed,
    left: config.judges.map(judgeName).filter((name) => !takeOut(names, name)),
  }
}

const nothing = (): void => undefined

/** Two may have one name. */
function takeOut(names: string[], name: string): boolean {
  const at = names.indexOf(name)
  if (at !== -1) names.splice(at, 1)
  return at !== -1
}
