/** What was made of a text until its transaction ended, wherever it ended: for the fact of it. */
import type { DeliveryFact } from '../facts/transaction.ts'
import { describeReply } from '../smtp/reply.ts'
import type { Findings } from '../verdict/judgement.ts'
import type { Parcel } from '../verdict/parcels.ts'
import type { CompleteText, Judged, Step, Upstream } from './answering.ts'
import type { ParcelReply } from './effects.ts'
import { queueIdIn } from './queue-id.ts'
import type { State } from './session.ts'

export interface Made {
  /** Once it was complete. */
  readonly text?: CompleteText
  readonly judged?: { readonly findings: Findings; readonly judgedAt: number }
  readonly deliveries: readonly DeliveryFact[]
}

export const nothingMade: Made = { deliveries: [] }

export function madeOf(state: State): Made {
  switch (state.at) {
    case 'text':
    case 'chunks':
      return madeEarly(state.upstream)
    case 'answering':
      return madeUntil(state.step)
    case 'connected':
    case 'greeted':
    case 'ready':
    case 'envelope':
    case 'refusedText':
    case 'authenticating':
    case 'securing':
    case 'closed':
      return nothingMade
  }
}

/** Before the text is complete. */
export const madeEarly = (upstream: Upstream): Made =>
  upstream.way === 'kept' ? nothingMade : { judged: upstream, deliveries: [] }

function madeUntil(step: Step): Made {
  switch (step.at) {
    case 'awaitingOthers':
    case 'vouching':
    case 'preparingReport':
    case 'delivering':
      return madeOfJudged(step.judged)
    case 'reporting':
      return {
        ...madeOfJudged(step.judged),
        deliveries: deliveriesOf(step.parcels, step.results.replies),
      }
  }
}

export const madeOfJudged = (judged: Judged): Made => ({ text: judged, judged, deliveries: [] })

export function deliveriesOf(
  parcels: readonly Parcel[],
  replies: readonly ParcelReply[],
): readonly DeliveryFact[] {
  const made: DeliveryFact[] = []
  for (const [i, { reply, ms }] of replies.entries()) {
    const parcel = parcels[i]
    if (parcel === undefined) continue
    const queueId = queueIdIn(reply)
    const fact = {
      recipients: parcel.recipients.length,
      result: parcel.result,
      reply: describeReply(reply),
      ms,
    }
    made.push(queueId === undefined ? fact : { ...fact, queueId })
  }
  return made
}
