/**
 * What happens in a worker, for its primary: made into text here, which costs less to send and
 * nothing to read, gathered, and told a moment later. What comes as often as mail does is told only
 * while somebody watches. One batch is under way at a time. What happens while the primary does not
 * read it waits, up to a limit, and not more messages are told a second than people can read
 * (live/pace.ts); what is over that is dropped and counted, since mail never waits for who watches
 * it.
 */
import type { LiveEvent } from '../../admin/events/frame.ts'
import type { Fact } from '../../facts/fact.ts'
import type { FactHub } from '../fact-hub.ts'

/** Events are gathered for so long before they are told. */
const gatherMs = 100

/** Events that wait, at most. */
export const mostWaiting = 2000

export interface EventsHereOptions {
  /** Calls `sent` when the batch has left the process, or never will. */
  readonly send: (batch: readonly LiveEvent[], sent: () => void) => void
  readonly isSeldom: (name: string) => boolean
  /** False: it is one too many, and counts as dropped. */
  readonly allows: (fact: Fact) => boolean
  /** Undefined: nobody is told. */
  readonly eventOf: (fact: Fact) => LiveEvent | undefined
  /** Comes behind the events that were dropped. */
  readonly droppedEvent: (count: number) => LiveEvent
  readonly onDropped: () => void
}

export class EventsHere {
  readonly #options: EventsHereOptions
  /** Somebody watches. */
  #all = false
  #waiting: LiveEvent[] = []
  /** Behind those that wait. */
  #dropped = 0
  #at: 'rest' | 'gathering' | 'sending' = 'rest'

  constructor(hub: FactHub, options: EventsHereOptions) {
    this.#options = options
    hub.add((fact) => this.#hear(fact))
  }

  /** Somebody watches from now on, or nobody does. */
  watch(on: boolean): void {
    this.#all = on
  }

  #hear(fact: Fact): void {
    const { isSeldom, allows, eventOf } = this.#options
    if (!isSeldom(fact.kind)) {
      if (!this.#all) return
      if (!allows(fact)) {
        this.#dropped++
        if (this.#at === 'rest') this.#gather()
        return
      }
    }
    if (this.#waiting.length >= mostWaiting) return this.#drop(fact)
    const event = eventOf(fact)
    if (event === undefined) return
    this.#waiting.push(event)
    if (this.#at === 'rest') this.#gather()
  }

  #drop(fact: Fact): void {
    if (this.#options.eventOf(fact) === undefined) return
    this.#dropped++
    this.#options.onDropped()
  }

  #gather(): void {
    this.#at = 'gathering'
    setTimeout(() => this.#send(), gatherMs).unref()
  }

  #send(): void {
    this.#at = 'sending'
    const { droppedEvent, send } = this.#options
    const behind = this.#dropped > 0 ? [droppedEvent(this.#dropped)] : []
    const events = [...this.#waiting, ...behind]
    this.#waiting = []
    this.#dropped = 0
    send(events, () => this.#sent())
  }

  #sent(): void {
    this.#at = 'rest'
    if (this.#waiting.length > 0 || this.#dropped > 0) this.#gather()
  }
}
