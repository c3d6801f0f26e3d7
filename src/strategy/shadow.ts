/**
 * `shadow`: what another strategy would have cost a message, without doing it. A pure count over
 * its recipients as their first attempt has left them: each time that one of them would have been
 * told to come back only to split, as forced_retries_total counts.
 */
import type { Verdict } from '../verdict/verdict.ts'
import type { StrategyName } from './names.ts'
import type { PeerClass } from './peer-class.ts'

export interface ShadowRecipient {
  /** Absent: refused before it was asked for. */
  readonly group?: number | undefined
  readonly fate: 'through' | 'deferred' | 'refused' | 'postponed'
  /**
   * Absent: nothing of the text is known for it, as with `last_word: backend`; counted as accepted.
   */
  readonly verdict?: Verdict | undefined
}

/** Recipients told to come back, summed over all attempts that it would have taken. */
export function shadowCost(
  strategy: StrategyName,
  recipients: readonly ShadowRecipient[],
  peer: Pick<PeerClass, 'first' | 'maxForcedRetries'>,
): number {
  const taking = recipients.filter(({ fate }) => fate === 'through' || fate === 'deferred')
  switch (strategy) {
    case 'bounce':
    case 'lenient':
    case 'off':
      return 0
    case 'late': {
      const refused = taking.filter(({ verdict }) => verdict === 'reject').length
      // Once after the text, once more at RCPT while the others are acknowledged.
      return refused === taking.length ? 0 : 2 * refused
    }
    case 'group':
    case 'single':
      return costOfTurns(taking, strategy, peer)
  }
}

/**
 * One group or recipient an attempt, the others wait; who is refused while others wait hears so
 * only at the end, with all of them (rule 2).
 */
function costOfTurns(
  recipients: readonly ShadowRecipient[],
  strategy: 'group' | 'single',
  { first, maxForcedRetries }: Pick<PeerClass, 'first' | 'maxForcedRetries'>,
): number {
  let waiting = recipients
  let cost = 0
  let kept = 0
  // After so many it is let through (rule 7).
  for (let attempt = 0; attempt < maxForcedRetries && waiting.length > 0; attempt += 1) {
    const groups = Map.groupBy(waiting, ({ group }) => group)
    const goes = [...groups.values()].reduce((best, group) =>
      first === 'largest' && group.length > best.length ? group : best,
    )
    const through = strategy === 'single' ? goes.slice(0, 1) : goes
    waiting = waiting.filter((recipient) => !through.includes(recipient))
    const deferred = waiting.length + kept
    cost += deferred
    const refused =
      deferred === 0 ? 0 : through.filter(({ verdict }) => verdict === 'reject').length
    cost += refused
    kept += refused
  }
  return cost
}
