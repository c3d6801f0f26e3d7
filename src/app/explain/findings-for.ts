/**
 * What judges have found about a message, as it is of the recipients of one attempt: they are asked
 * once about everyone, and later attempts have others, in other places. Pure.
 */
import type { JudgedEnvelope } from '../../judge/judge.ts'
import type { Finding, Findings, Judgement } from '../../verdict/judgement.ts'

/** By address: where a recipient is among those that judges were asked about. */
export function findingsFor(
  found: Findings,
  asked: JudgedEnvelope,
  attempt: JudgedEnvelope,
): Findings {
  const places = new Map(asked.recipients.map(({ address, index }) => [address, index]))
  const moved = new Map<number, number>()
  for (const { address, index } of attempt.recipients) {
    const before = places.get(address)
    if (before !== undefined) moved.set(before, index)
  }
  return { ...found, all: found.all.map((finding) => moveFinding(finding, moved)) }
}

type Moved = ReadonlyMap<number, number>

const moveFinding = (finding: Finding, moved: Moved): Finding => ({
  ...finding,
  judgement: moveJudgement(finding.judgement, moved),
  ...(finding.notAbout && {
    notAbout: new Set([...finding.notAbout].flatMap((index) => moved.get(index) ?? [])),
  }),
})

function moveJudgement(judgement: Judgement, moved: Moved): Judgement {
  if (judgement.kind !== 'judged' || judgement.own === undefined) return judgement
  const own = [...judgement.own].flatMap(([index, said]): readonly [number, typeof said][] => {
    const now = moved.get(index)
    return now === undefined ? [] : [[now, said]]
  })
  return { ...judgement, own: new Map(own) }
}
