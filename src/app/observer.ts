/** Who finds out what would have been, with `mode: observe`. */
import type { Config } from '../config/config.ts'
import type { ConfiguredJudge } from '../judge/stages.ts'
import { Observer, type ObserverParts } from '../listen/observer.ts'
import { judging } from './session.ts'

interface ObservingParts extends Pick<ObserverParts, 'policies' | 'budget' | 'onFact' | 'now'> {
  readonly config: Config
  readonly judges: readonly ConfiguredJudge[]
}

export const openObserver = ({ config, judges, ...parts }: ObservingParts): Observer =>
  new Observer({
    ...parts,
    judges: judging({ config, judges, now: parts.now }),
    most: config.limits.observedAtATime,
    limitMs: config.timeouts.replyMs,
  })
