/** The log lines of what happens with judges. */
import type { JudgeFact } from '../facts/judges.ts'
import { cutList, cutText } from './cut.ts'
import type { Log } from './log.ts'
import type { AboutOf } from './message-ids.ts'

export function onJudges(log: Log, fact: JudgeFact, about: AboutOf): void {
  switch (fact.kind) {
    case 'judged':
      if (fact.result === 'failed')
        log.warn(
          {
            event: 'judgeFailed',
            ...about(fact.transaction),
            judge: fact.judge,
            why: cutText(fact.why ?? ''),
            ms: fact.ms,
          },
          'judge failed',
        )
      else if (fact.result === 'silent' && fact.why !== undefined)
        log.info(
          {
            event: 'judgeSkipped',
            ...about(fact.transaction),
            judge: fact.judge,
            why: cutText(fact.why),
          },
          'judge was not asked',
        )
      return
    case 'judgeLeftOut': {
      const { transaction, judge } = fact
      log.warn(
        { event: fact.kind, ...about(transaction), judge, what: cutText(fact.what) },
        'something between a judge and a message was left out',
      )
      return
    }
    case 'foreignFieldsRemoved': {
      const { shown: fields, leftOut } = cutList(fact.names, cutText)
      log.debug(
        { event: fact.kind, ...about(fact.transaction), fields, ...leftOut },
        'header fields of a stranger were removed',
      )
      return
    }
    case 'judgeServerDown': {
      const { judge, server } = fact
      log.warn(
        { event: fact.kind, judge, server, why: cutText(fact.why) },
        'judge is not asked for a while',
      )
      return
    }
    case 'judgeServerBack': {
      const { judge, server } = fact
      log.info({ event: fact.kind, judge, server }, 'judge answers again')
      return
    }
  }
}
