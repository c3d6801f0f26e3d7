/** The log lines of how senders and classes are served. */
import type { PeerFact } from '../facts/peers.ts'
import type { Log } from './log.ts'

export function onPeers(log: Log, fact: PeerFact): void {
  switch (fact.kind) {
    case 'senderLearned': {
      const { sender, strategy, why } = fact
      log.info(
        { event: fact.kind, sender, strategy, why },
        `auto serves ${sender} ${strategy} from now on: ${why}`,
      )
      return
    }
    case 'senderChanged': {
      const { sender, change, strategy, by } = fact
      log.info(
        { event: fact.kind, sender, change, strategy, by },
        `sender ${sender} ${change} by ${by}`,
      )
      return
    }
    case 'strategyChanged': {
      const { peer, strategy, by } = fact
      const until = fact.until === undefined ? undefined : new Date(fact.until).toISOString()
      const word = fact.reset ? 'reset to' : 'set to'
      log.info(
        { event: fact.kind, peer, strategy, until, by, reset: fact.reset },
        `strategy of ${peer} ${word} ${strategy}`,
      )
      return
    }
  }
}
