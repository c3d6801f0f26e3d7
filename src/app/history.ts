/** The configured history of a process. */
import type { Config } from '../config/config.ts'
import type { FactListener } from '../facts/fact.ts'
import { type History, openHistory } from '../history/history.ts'

export interface HistoryOf {
  /** Which of several processes it is; absent: the only one. */
  readonly worker: string | undefined
  readonly onFact: FactListener
  readonly now: () => number
}

/** The process that keeps house also removes what is old. */
const house = 'primary'

/** Undefined when the configuration wants none. Trouble with the file is told as a fact. */
export function historyOf({ history }: Config, of: HistoryOf): History | undefined {
  if (history === undefined) return undefined
  const { worker: slot = house, onFact, now } = of
  return openHistory({ ...history, slot, keepsHouse: slot === house, onFact, now })
}
