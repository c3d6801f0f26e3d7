/** Events for who watches a running Rcptwise, whichever of its processes they happen in. */
import type { LiveEvent } from '../../admin/events/frame.ts'
import type { FactHub } from '../fact-hub.ts'
import { eventOfFact } from './event-of-fact.ts'
import { Pace } from './pace.ts'

export type EventWatcher = (event: LiveEvent) => void

/** What was dropped is told so often, at most. */
const droppedEveryMs = 1000

/** Tells what happens in this process; gives what ends that. */
export function watchHub(facts: FactHub, told: EventWatcher): () => void {
  const pace = new Pace(() => performance.now())
  let dropped = 0
  const timer = setInterval(() => {
    if (dropped > 0) told(droppedEvent(dropped, Date.now()))
    dropped = 0
  }, droppedEveryMs).unref()
  const end = facts.add((fact) => {
    const event = pace.allows(fact) ? eventOfFact(fact) : undefined
    if (event !== undefined) told(event)
    else if (fact.kind === 'transactionEnded') dropped++
  })
  return () => {
    clearInterval(timer)
    end()
  }
}

/** Events that are not told; other fields are as in all events. */
export const droppedEvent = (count: number, at: number, worker?: number): LiveEvent => ({
  name: 'dropped',
  data: JSON.stringify({ kind: 'dropped', at, events: count, worker }),
})
