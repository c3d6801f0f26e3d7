/**
 * What has happened lately and seldom happens, for who comes to look when it is over: as many
 * events as fit, whether anybody watched or not.
 */
import type { LiveEvent } from '../../admin/events/frame.ts'
import { isSeldom } from './event-of-fact.ts'

export const mostEvents = 100
/** Characters of their data: one event may list many things. */
export const mostCharacters = 256 * 1024

export class LatestEvents {
  #events: LiveEvent[] = []
  #characters = 0

  add(event: LiveEvent): void {
    if (!isSeldom(event.name)) return
    this.#events.push(event)
    this.#characters += event.data.length
    while (this.#events.length > mostEvents || this.#characters > mostCharacters)
      this.#characters -= this.#events.shift()?.data.length ?? 0
  }

  /** As JSON each, the last one first. */
  latest(limit: number): readonly string[] {
    return this.#events
      .slice(-limit)
      .reverse()
      .map(({ data }) => data)
  }
}
