/** The log lines of how senders and classes are served. */
import type { PeerFact } from '../facts/peers.ts'
import { cutText } from './cut.ts'
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
      const { sender, change, strategy, from, by, reason } = fact
      const until = isoOf(fact.until)
      log.info(
        { event: fact.kind, sender, change, strategy, from, until, by, reason },
        `sender ${sender} ${change} by ${by}${because(reason)}`,
      )
      return
    }
    case 'strategyChanged': {
      const { peer, strategy, from, by, reason } = fact
      const until = isoOf(fact.until)
      const word = fact.reset ? 'reset to' : 'set to'
      log.info(
        { event: fact.kind, peer, strategy, from, until, by, reason, reset: fact.reset },
        `strategy of ${peer} ${word} ${strategy}${because(reason)}`,
      )
      return
    }
  }
}

const isoOf = (at: number | undefined): string | undefined =>
  at === undefined ? undefined : new Date(at).toISOString()

/** Behind what somebody did: why, in their words. */
export const because = (reason: string | undefined): string =>
  reason === undefined ? '' : `: ${cutText(reason)}`
