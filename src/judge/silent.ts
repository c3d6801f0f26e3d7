/** Judges that look at no text. */
import type { Judgement } from '../verdict/judgement.ts'
import type { Judge, Onlooker } from './judge.ts'

const silent: Judgement = { kind: 'silent' }
const judging: Onlooker = {
  way: 'looks on',
  push: () => undefined,
  settled: () => silent,
  end: () => silent,
}

export const silentJudge = (name: string): Judge => ({
  name,
  edits: false,
  scores: false,
  message: () => judging,
  trouble: () => undefined,
  check: async () => await Promise.resolve(undefined),
  close: async () => await Promise.resolve(),
})
