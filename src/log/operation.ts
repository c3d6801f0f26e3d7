/** The log lines of how the program runs. */
import type { OperationFact } from '../facts/operation.ts'
import { cutText } from './cut.ts'
import type { Log } from './log.ts'
import { because } from './peers.ts'
import type { AboutOf } from './message-ids.ts'

export function onOperation(log: Log, fact: OperationFact, about: AboutOf): void {
  switch (fact.kind) {
    case 'spoolFailed':
      log.warn(
        { event: fact.kind, ...about(fact.transaction), why: cutText(fact.why) },
        'a message could not be kept (spool.directory)',
      )
      return
    case 'ledgerTrouble':
      log.warn(
        { event: fact.kind, why: cutText(fact.why) },
        'ledger can not be written: it goes on in memory',
      )
      return
    case 'ledgerRecovered':
      log.info({ event: fact.kind }, 'ledger is written again')
      return
    case 'drainChanged': {
      const { draining, by, reason } = fact
      const what = draining ? 'no new split is begun' : 'splits are begun again'
      log.info(
        { event: fact.kind, draining, by, reason },
        `${what}: drain by ${by}${because(reason)}`,
      )
      return
    }
    case 'workerHung': {
      const { kind: event, slot, pid, silentMs } = fact
      log.error(
        { event, slot, pid, silentMs },
        `worker ${slot} has not reacted for ${Math.round(silentMs / 1000)} s: it is ended`,
      )
      return
    }
    case 'workerLost': {
      const { kind: event, slot, pid, how, againMs } = fact
      log.error(
        { event, slot, pid, how, againMs },
        `worker ${slot} ended with ${how}: another one is started`,
      )
      return
    }
    case 'configLoaded': {
      const { kind: event, needRestart } = fact
      log.info({ event }, 'configuration loaded: new sessions are served with it')
      if (needRestart.length > 0)
        log.warn(
          { event: 'restartNeeded', keys: needRestart },
          `${needRestart.join(', ')}: changed, but only a restart brings it into force`,
        )
      return
    }
    case 'configKept':
      log.error(
        { event: fact.kind, why: fact.why },
        `new configuration is wrong: the old one stays in use (${fact.why[0] ?? ''})`,
      )
      return
  }
}
