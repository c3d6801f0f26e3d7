/** The part of `check` that talks to each judge. */
import { judgeName, judgeSettings, openJudge } from '../app/judge.ts'
import type { Config, JudgeConfig } from '../config/config.ts'
import type { Judge } from '../judge/judge.ts'
import { bad, type Finding, ok } from './finding.ts'

const open = (config: JudgeConfig): Judge =>
  openJudge(judgeSettings(config), { onFact: () => undefined, now: Date.now })

/** Never rejects. */
export async function checkJudges({ judges }: Config, opened = open): Promise<readonly Finding[]> {
  return await Promise.all(judges.map(async (judge) => await checkJudge(judge, opened)))
}

async function checkJudge(config: JudgeConfig, opened: typeof open): Promise<Finding> {
  const name = judgeName(config)
  try {
    await using closing = new AsyncDisposableStack()
    const judge = closing.adopt(opened(config), async (one) => await one.close())
    const trouble = await judge.check()
    return trouble === undefined
      ? ok('judge', `${name}${whereOf(config)}`, name)
      : bad('judge', `${name}: ${trouble}`, name)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return bad('judge', `${name}: ${why}`, name)
  }
}

function whereOf(config: JudgeConfig): string {
  if (config.kind === 'headers') return `: ${config.field} from ${config.from.join(', ')}`
  const where = config.servers.map((server) => {
    if (server.socketPath !== undefined) return server.socketPath
    return 'url' in server ? server.url : `${server.host}:${server.port}`
  })
  return ` answers: ${where.join(', ')}`
}
