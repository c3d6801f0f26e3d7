/** The part of `check` that asks the judge. */
import { judgeSettings, openJudge } from '../app/judge.ts'
import type { Config } from '../config/config.ts'
import type { Judge } from '../judge/judge.ts'
import type { Finding } from './check-backend.ts'

/** Says nothing of a judge that is well. Never rejects. */
export async function checkJudge(
  config: Config,
  open: () => Judge = () => openJudge(judgeSettings(config)),
): Promise<readonly Finding[]> {
  const judge = open()
  try {
    const trouble = await judge.check()
    return trouble === undefined ? [] : [{ ok: false, text: `judge: ${judge.name}: ${trouble}` }]
  } finally {
    await judge.close()
  }
}
