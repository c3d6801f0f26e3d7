/** Judges that look at no text. */
import type { Judge, Judgement, Judging } from './judge.ts'

const silent: Judgement = { kind: 'silent' }
const judging: Judging = {
  push: () => undefined,
  settled: () => silent,
  end: () => silent,
  abandon: () => undefined,
}

const silentJudge = (name: string): Judge => ({
  name,
  begin: () => judging,
  close: async () => await Promise.resolve(),
})

/** The backend's reply to the text is the verdict, one transaction per group (design: judge). */
export const backendJudge = silentJudge('backend')
/** Nobody judges: every policy accepts. */
export const noJudge = silentJudge('none')
