/**
 * Transactions that hold a connection while their client takes its time. When others wait for a
 * connection, those that have been quiet for longest are asked to give theirs back; they show their
 * envelope anew when their client goes on. So slow clients keep nobody out, and as long as nobody
 * waits nothing is done twice.
 */
import { type Link, LinkedList } from '../../loop/linked-list.ts'

export interface Preemptible {
  /**
   * Gives its connection back if nothing is under way on it and its client was quiet for some time;
   * whether it did.
   */
  preempt(): boolean
}

export type Held = Link<Preemptible>

const lookEveryMs = 100

export class Preemption {
  /** In the order in which they got their connections. */
  readonly #holders = new LinkedList<Preemptible>()
  readonly #waiting: () => number
  #timer: NodeJS.Timeout | undefined

  /** `waiting`: how many wait for a connection now. */
  constructor(waiting: () => number) {
    this.#waiting = waiting
  }

  /** What it gives is to be dropped. */
  hold(holder: Preemptible): Held {
    return this.#holders.add(holder)
  }

  /** Nothing happens when it was dropped already. */
  drop(held: Held): void {
    this.#holders.remove(held)
  }

  /** Someone waits. Looks for connections until nobody does. */
  wanted(): void {
    this.#timer ??= setInterval(() => this.#look(), lookEveryMs)
  }

  #look(): void {
    let waiting = this.#waiting()
    if (waiting === 0) return this.close()
    for (const holder of this.#holders) {
      if (holder.preempt()) waiting--
      if (waiting === 0) return
    }
  }

  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
