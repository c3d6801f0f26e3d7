/** Events for who watches a running Rcptwise, whichever of its processes they happen in. */
import type { LiveEvent } from '../../admin/events/frame.ts'
import type { FactHub } from '../fact-hub.ts'
import { eventOfFact } from './event-of-fact.ts'

export type EventWatcher = (event: LiveEvent) => void

/** Tells what happens in this process; gives what ends that. */
export const watchHub = (facts: FactHub, told: EventWatcher): (() => void) =>
  facts.add((fact) => {
    const event = eventOfFact(fact)
    if (event !== undefined) told(event)
  })

/** Events that a worker could not tell in time; other fields are as in all events. */
export const droppedEvent = (count: number, at: number, worker: number): LiveEvent => ({
  name: 'dropped',
  data: JSON.stringify({ kind: 'dropped', at, events: count, worker }),
})
