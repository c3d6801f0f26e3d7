/** Events for who watches a running Rcptwise, whichever of its processes they happen in. */
import type { LiveEvent } from '../../admin/events/frame.ts'
import type { Fact } from '../../facts/fact.ts'
import type { FactHub } from '../fact-hub.ts'
import { eventOfFact, isSeldom } from './event-of-fact.ts'
import { Pace } from './pace.ts'

export type EventWatcher = (event: LiveEvent) => void

/** What was dropped is told so often, at most. */
const droppedEveryMs = 1000

/** Tells what happens seldom in this process, for as long as it runs. */
export function hearSeldom(facts: FactHub, told: EventWatcher): void {
  facts.add((fact) => {
    if (isSeldom(fact.kind)) tellIn(told, fact)
  })
}

/** Tells the rest, within what people can read; gives what ends that. */
export function watchOften(facts: FactHub, told: EventWatcher): () => void {
  const pace = new Pace(() => performance.now())
  let dropped = 0
  const timer = setInterval(() => {
    if (dropped > 0) told(droppedEvent(dropped, Date.now()))
    dropped = 0
  }, droppedEveryMs).unref()
  const end = facts.add((fact) => {
    if (isSeldom(fact.kind)) return
    if (pace.allows(fact)) tellIn(told, fact)
    else dropped++
  })
  return () => {
    clearInterval(timer)
    end()
  }
}

function tellIn(told: EventWatcher, fact: Fact): void {
  const event = eventOfFact(fact)
  if (event !== undefined) told(event)
}

/** Events that are not told; other fields are as in all events. */
export const droppedEvent = (count: number, at: number, worker?: number): LiveEvent => ({
  name: 'dropped',
  data: JSON.stringify({ kind: 'dropped', at, events: count, worker }),
})
