/** The configured judge. Whoever opens it closes it. */
import type { Config } from '../config/config.ts'
import { backendJudge } from '../judge/backend.ts'
import { headersJudge } from '../judge/headers.ts'
import type { Judge } from '../judge/judge.ts'

export const configuredJudge = ({ judge }: Config): Judge => (judge.kind === 'backend' ? backendJudge : headersJudge)
