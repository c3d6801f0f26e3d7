/** The log lines of what happens with the history. */
import type { HistoryFact } from '../facts/history.ts'
import { cutText } from './cut.ts'
import type { Floods } from './floods.ts'
import type { Log } from './log.ts'

/** It is tried again every few seconds, and each message that is left out is told. */
export function onHistory(log: Log, fact: HistoryFact, floods: Floods): void {
  const { kind: event, at } = fact
  switch (fact.kind) {
    case 'historyWritten':
      return // counted alone
    case 'historyRecovered':
      return log.info({ event }, 'history is written again')
    case 'historyTrouble': {
      const more = floods.line(event, at)
      if (more === undefined) return
      return log.warn(
        { event, why: cutText(fact.why), ...more },
        'history can not be written: mail goes on, and what there is no room for is left out',
      )
    }
    case 'historyLeftOut': {
      const more = floods.line(event, at)
      if (more === undefined) return
      return log.warn(
        { event, transactions: fact.transactions, ...more },
        'messages are left out of the history: rcptwise why does not know them',
      )
    }
  }
}
