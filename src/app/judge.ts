/** The configured judge. */
import type { Config, JudgeConfig } from '../config/config.ts'
import { headersJudge } from '../judge/headers.ts'
import type { Judge } from '../judge/judge.ts'
import { silentJudge } from '../judge/silent.ts'
import { inRanges } from '../peers/peer-directory.ts'

/** What becomes of a message that it can't judge is not among them. */
export const judgeSettings = ({ judge }: Config): JudgeConfig =>
  judge.kind === 'headers'
    ? { kind: judge.kind, from: judge.from, field: judge.field }
    : { kind: judge.kind }

/** Whoever opens it closes it. */
export function openJudge(settings: JudgeConfig): Judge {
  switch (settings.kind) {
    case 'headers':
      return headersJudge({ field: settings.field, believes: inRanges(settings.from) })
    // The server behind is asked with the text, and nobody before it.
    case 'backend':
    case 'none':
      return silentJudge(settings.kind)
  }
}
