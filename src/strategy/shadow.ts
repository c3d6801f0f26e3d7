/**
 * `shadow`: what another strategy would have cost a message, without doing it. A pure count over its recipients as their first attempt
 * has left them: each time that one of them would have been told to come back only to split, as forced_retries_total counts.
 */
import type { Verdict } from '../verdict/verdict.ts'
import type { StrategyName } from './names.ts'
import type { PeerClass } from './peer-class.ts'

export interface ShadowRecipient {
  /** Absent: refused before it was asked for. */
  readonly group?: number
  readonly fate: 'through' | 'deferred' | 'refused' | 'postponed'
  /** Absent: nothing of the text is known for it, as with `judge: backend`; counted as accepted. */
  readonly verdict?: Verdict
}

interface Share {
  readonly size: number
  readonly refused: boolean
}

/** Recipients told to come back, summed over all attempts that it would have taken. */
export function shadowCost(
  strategy: StrategyName,
  recipients: readonly ShadowRecipient[],
  peer: Pick<PeerClass, 'first' | 'maxForcedRetries'>,
): number {
  const taking = recipients.filter(({ fate }) => fate === 'through' || fate === 'deferred')
  switch (strategy) {
    case 'lenient':
    case 'off':
      return 0
    case 'late': {
      const refused = taking.filter(({ verdict }) => verdict === 'reject').length
      // Once after the text, once more at RCPT while the others are acknowledged.
      return refused === taking.length ? 0 : 2 * refused
    }
    case 'group':
      return costOfTurns(shares(taking, peer.first), peer.maxForcedRetries)
    case 'single':
      return costOfTurns(
        taking.map(({ verdict }) => ({ size: 1, refused: verdict === 'reject' })),
        peer.maxForcedRetries,
      )
  }
}

/** In the order in which they go through. */
function shares(recipients: readonly ShadowRecipient[], first: PeerClass['first']): Share[] {
  const groups = Map.groupBy(recipients, ({ group }) => group)
  const all = [...groups.values()].map((members) => ({
    size: members.length,
    refused: members.every(({ verdict }) => verdict === 'reject'),
  }))
  return first === 'offered' ? all : all.toSorted((a, b) => b.size - a.size)
}

/** One share an attempt, the others wait; who is refused while others wait hears so only at the end, with all of them (rule 2). */
function costOfTurns(turns: readonly Share[], mostAttempts: number): number {
  let waiting = turns.reduce((sum, { size }) => sum + size, 0)
  let cost = 0
  let kept = 0
  for (const [i, { size, refused }] of turns.entries()) {
    if (i >= mostAttempts) return cost // then it is let through (rule 7)
    waiting -= size
    cost += waiting + kept
    if (!refused || waiting + kept === 0) continue
    cost += size
    kept += size
  }
  return cost
}
