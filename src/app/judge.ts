/** The configured judge. Whoever opens it closes it. */
import type { Config } from '../config/config.ts'
import { headersJudge } from '../judge/headers.ts'
import type { Judge } from '../judge/judge.ts'
import { backendJudge, noJudge } from '../judge/silent.ts'
import { inRanges } from '../peers/peer-directory.ts'

export function configuredJudge({ judge }: Config): Judge {
  switch (judge.kind) {
    case 'headers':
      return headersJudge({ field: judge.field, believes: inRanges(judge.from) })
    case 'backend':
      return backendJudge
    case 'none':
      return noJudge
  }
}
